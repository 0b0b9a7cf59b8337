/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON by jansson, with the rules that all of the project follows: UTF-8,
 * duplicates refused on reading, keys sorted on writing, sizes bounded.
 * This header is jansson's home: others include it, not <jansson.h>.
 */
#ifndef ADE_FS_UTIL_JSON_H
#define ADE_FS_UTIL_JSON_H

#include "crypto/cleanup.h"
#include "crypto/error.h"

#include <jansson.h>
#include <stddef.h>

/* Parse len bytes.  NULL: EBADMSG with line and column (never the text). */
json_t *json_parse(const char *text, size_t len, struct error *err);

/* malloc'ed text with sorted keys; pretty: indented, with a final newline. */
char *json_text(const json_t *value, int pretty);

/* A member that is a string / an object / an array, else NULL; name in any
 * case of letters (what Azure hands over is not consistent). */
json_t *json_member(const json_t *object, const char *name);
const char *json_member_text(const json_t *object, const char *name);

DEFINE_CLEANUP(json_t *, json_decref);

#endif
