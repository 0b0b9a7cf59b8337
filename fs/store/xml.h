/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What object stores answer in XML: walked element by element, bounded in
 * depth and length, without document types and so without entities of their
 * own.  Text comes from the network and is hostile until checked.
 */
#ifndef ADE_FS_STORE_XML_H
#define ADE_FS_STORE_XML_H

#include "crypto/error.h"

#include <stddef.h>

#define XML_DEPTH 8
#define XML_TEXT 8192

/* At the end of each element: its path of local names ("Error/Code") and the
 * text right inside it, cut at XML_TEXT.  Non-zero stops and is the result. */
typedef int xml_fn(void *arg, const char *path, const char *text);

/* 0, what fn returned, or -EBADMSG: not well-formed, too deep, a document type. */
int xml_walk(const void *data, size_t len, xml_fn *fn, void *arg, struct error *err);

#endif
