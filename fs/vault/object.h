/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small objects of a vault: a header, a JSON body, compressed and sealed (or
 * clear), and a SHA-256 over all, which finds damage without any key.
 * FORMAT.md, section "Objects".
 */
#ifndef ADE_FS_VAULT_OBJECT_H
#define ADE_FS_VAULT_OBJECT_H

#include "fs/store/store.h"
#include "fs/vault/keys.h"

#include <stdbool.h>

#define OBJECT_HEADER_BYTES 64u
#define OBJECT_MAX_BYTES (64u << 20)	/* stored */
#define OBJECT_TEXT_MAX (64u << 20)	/* unpacked */

enum object_type {
	OBJECT_VAULT = 1, OBJECT_SLOT = 2, OBJECT_MANIFEST = 3, OBJECT_TOMBSTONE = 4,
	OBJECT_SESSION = 5, OBJECT_READER = 6, OBJECT_EXPIRED = 7, OBJECT_CONDEMNED = 8,
	OBJECT_CLAIM = 9, OBJECT_VM = 10, OBJECT_LOG = 11, OBJECT_TRACE = 12, OBJECT_REFS = 13,
	OBJECT_HOLD = 14, OBJECT_BAD = 15, OBJECT_ITEM = 16, OBJECT_POLICY = 17,
	OBJECT_BATCH = 18, OBJECT_JOB = 19,
};

/* What a stored object says of itself. */
struct object_info {
	uint16_t version, type, epoch;
	bool clear;
};

/* Seal text under the ring's newest epoch and for that name; ring NULL: clear.
 * *out is malloc'ed.  0, -ENOMEM, -EIO. */
int object_seal(const struct key_ring *ring, enum object_type type, const char *name,
		const void *text, size_t len, void **out, size_t *out_len, struct error *err);

/* The text of a stored object, malloc'ed.  ring may be NULL for clear ones.
 * -EBADMSG: damaged, of another type, or of another name; -ENOTSUP: a newer
 * format version; -ENOKEY: sealed, and no ring. */
int object_open(const struct key_ring *ring, enum object_type type, const char *name,
		const void *data, size_t len, void **text, size_t *text_len, struct error *err);

/* Header and SHA-256 alone, as `verify --no-key` sees them. */
int object_check(const void *data, size_t len, struct object_info *info, struct error *err);

/* Both, with the store.  put: a free name only; a lost answer is found out. */
int object_put(struct store *st, const struct key_ring *ring, enum object_type type,
	       const char *name, const void *text, size_t len, struct error *err);
int object_get(struct store *st, const struct key_ring *ring, enum object_type type,
	       const char *name, void **text, size_t *text_len, struct error *err);
/* object_get() of one that a list showed, from what is kept on this machine if it is (store_recall()). */
int object_get_listed(struct store *st, const struct key_ring *ring, enum object_type type, const struct object *o,
		      void **text, size_t *text_len, struct error *err);

#endif
