/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text of others (names, paths, URLs) written into scripts and documents, so
 * that it stays text whatever is in it.
 */
#ifndef ADE_FS_AZURE_QUOTE_H
#define ADE_FS_AZURE_QUOTE_H

#include <stdio.h>

/* One word for a POSIX shell; plain words stay as they are. */
void quote_sh(FILE *f, const char *text);

/* A PowerShell string that expands nothing.  PowerShell takes four further
 * characters for a single quote (U+2018 to U+201B); they are doubled too. */
void quote_powershell(FILE *f, const char *text);

/* Content of an XML attribute or element.  -EINVAL: XML 1.0 cannot say it (no
 * UTF-8, or a control character); f then holds part of it. */
int quote_xml(FILE *f, const char *text);

/* For comments and people: without control characters, on one line; what is no
 * UTF-8 becomes '?'. */
void quote_words(FILE *f, const char *text);

#endif
