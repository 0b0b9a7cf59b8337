/* SPDX-License-Identifier: Apache-2.0 */
/* Options told to people: --help, and the lists in the manual pages. */
#ifndef ADE_TOOLS_LIB_HELP_H
#define ADE_TOOLS_LIB_HELP_H

#include "tools/lib/options.h"

#include <stdio.h>

enum help_style {
	HELP_LONG,	/* --bek FILE */
	HELP_LIST,	/* bek=FILE, as after -o */
};

/* Those of any of `groups`, under the groups' titles, 80 columns wide. */
void help_print_options(FILE *f, uint64_t groups, enum help_style style);

/* Words broken into lines of 80 columns behind `indent` blanks; \n\n starts a
 * paragraph.  The first line starts where the cursor is.  No final newline. */
void help_print_wrapped(FILE *f, const char *text, int indent);

/* As mdoc lists, a subsection for each group. */
void help_print_mdoc(FILE *f, uint64_t groups, enum help_style style);

/* "Takes the options of …." */
void help_print_mdoc_groups(FILE *f, uint64_t groups);

/* Text for mdoc: backslashes and leading dots are escaped. */
void help_print_roff(FILE *f, const char *text);

#endif
