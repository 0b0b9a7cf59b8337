/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a manifest leaves: a mark takes it out of all lists (P1), and when the
 * grace is over and nobody reads it (P2) it is deleted, then its refs (P3).
 * The mark stays.  FORMAT.md, section "Protocol".
 */
#ifndef ADE_FS_VAULT_EXPIRE_H
#define ADE_FS_VAULT_EXPIRE_H

#include "fs/vault/inventory.h"

#define EXPIRE_GRACE (24 * 3600)	/* seconds of store time from mark to deletion */
#define READER_ALIVE 3600		/* a reader that was silent for longer is none */

/* A store that does not let go of an object yet (WORM, a lease, permissions):
 * to be tried again by a later run. */
bool store_says_later(int rc);

/* P1.  manifest: its object's name.  A mark that is there already is fine. */
int expire_mark(struct vault *v, const char *manifest, struct error *err);

/* The readers of a vault, listed after the marks were put (P2). */
struct readers_seen {
	struct sign *row;
	size_t n;
	int64_t now;
};
int readers_seen_take(struct vault *v, struct readers_seen *out, struct error *err);
static inline void readers_seen_clear(struct readers_seen *r) { free(r->row); }
/* A living reader of that manifest, or one of which that cannot be told; NULL: none. */
const struct sign *readers_seen_on(const struct readers_seen *r, const char *manifest);

/* P3, and the inventory forgets its refs.  0; -EACCES and the like: see
 * store_says_later(); what the store says, with words. */
int expire_delete(struct inventory *inv, const struct inventory_point *p, struct error *err);

#endif
