/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of an inventory.  Private to fs/vault/inventory*.c. */
#ifndef ADE_FS_VAULT_INVENTORY_PRIVATE_H
#define ADE_FS_VAULT_INVENTORY_PRIVATE_H

#include "fs/vault/inventory.h"

#define SESSION_DIGITS (2 * SESSION_ID_BYTES)

/* Names of one folder with their put times. */
struct listed {
	char name[192];
	uint64_t size;
	int64_t time;
};

struct listing_of {
	struct listed *row;
	size_t n, room;
	int64_t *newest;	/* kept up to date; may be NULL */
};

int listing_take(struct store *st, const char *prefix, struct listing_of *l, struct error *err);
const struct listed *listing_find(const struct listing_of *l, const char *name);	/* sorted by name */
static inline void listing_of_clear(struct listing_of *l) { free(l->row); }

/* The row of that id, made when it is not there.  NULL: no memory. */
struct inventory_segment *inventory_add_segment(struct inventory *inv, const uint8_t id[SEGMENT_ID_BYTES]);

/* Read "ref/<session>" and note what it names.  sha256: what the manifest says,
 * or NULL.  *missing: a segment of it is not there.  -EBADMSG, -ENOENT, … */
int inventory_read_refs(struct inventory *inv, const char *session, const char *sha256, bool *missing,
			struct error *err);
void inventory_block(struct inventory *inv, const char *object, const char *why);

/* inventory_points.c: all manifests of the listing, marks: that of exp/. */
int inventory_read_points(struct inventory *inv, const struct listing_of *points, const struct listing_of *marks,
			  struct error *err);

#endif
