/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a point refers to: for each segment, how many chunks and bytes of it.
 * Clear, so that damage and collection need no key; the manifest holds its
 * SHA-256.  Every segment that a point needs is in it: data, maps, and what
 * its PATCH chunks build on.  FORMAT.md, section "Refs".
 */
#ifndef ADE_FS_VAULT_REFS_H
#define ADE_FS_VAULT_REFS_H

#include "fs/store/store.h"
#include "fs/vault/segment.h"

struct refs_row {
	uint8_t segment[SEGMENT_ID_BYTES];
	uint32_t chunks, bytes;		/* sealed bytes; both stop at 2^32 - 1 */
};

/* A set of rows being counted.  One thread. */
struct refs;
struct refs *refs_new(void);		/* NULL: no memory */
void refs_free(struct refs *r);
/* One sealed chunk of so many bytes.  0 or -ENOMEM. */
int refs_add(struct refs *r, const uint8_t segment[SEGMENT_ID_BYTES], uint32_t chunks, uint32_t bytes);
size_t refs_count(const struct refs *r);

/* Put "ref/<session>" (lower-case hex).  sha256_text: of the stored bytes. */
int refs_put(struct refs *r, struct store *st, const uint8_t session[SESSION_ID_BYTES],
	     char sha256_text[65], struct error *err);

/* The rows of "ref/<session>", sorted, malloc'ed.  sha256_text: what the
 * manifest says, or NULL (without keys).  -EBADMSG, -ENOENT, … */
int refs_get(struct store *st, const uint8_t session[SESSION_ID_BYTES], const char *sha256_text,
	     struct refs_row **rows, size_t *n, struct error *err);
/* The text of a refs object: rows of 32 bytes.  Hostile input. */
int refs_parse(const void *text, size_t len, struct refs_row **rows, size_t *n, struct error *err);

DEFINE_CLEANUP(struct refs *, refs_free);

#endif
