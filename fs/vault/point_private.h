/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a manifest's text: shared by reading and writing. */
#ifndef ADE_FS_VAULT_POINT_PRIVATE_H
#define ADE_FS_VAULT_POINT_PRIVATE_H

#include "fs/vault/point.h"

/* chunk 8 | entry | base, where each of the two is
 * name 16 | segment 24 | epoch 2 | offset 4 | length 4 | number 4 | kind 1 | base name 16 */
#define OPENING_REF_BYTES 71u
#define OPENING_ROW_BYTES (8u + 2 * OPENING_REF_BYTES)

struct jval *point_disk_to_jval(const struct point_disk *d, bool top_page);
bool point_disk_from_jval(const struct jval *o, struct point_disk *d);

/* Strict: what this project writes, and nothing else. */
bool point_get_text(const struct jval *o, const char *name, char *out, size_t size);
bool point_get_u64(const struct jval *o, const char *name, uint64_t max, uint64_t *out);
bool point_get_hex(const struct jval *o, const char *name, void *out, size_t len);
bool point_hex_text_ok(const char *text, size_t len);	/* lower case, that many digits */
bool point_name_ok(const char *name);			/* a folder's */
/* Of a manifest's object name; folder is that without a twin.  False: it is none. */
bool point_name_parse(const char *name, struct point_name *out);

#endif
