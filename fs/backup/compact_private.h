/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of compacting.  Private to fs/backup/compact*.c. */
#ifndef ADE_FS_BACKUP_COMPACT_PRIVATE_H
#define ADE_FS_BACKUP_COMPACT_PRIVATE_H

#include "fs/backup/compact.h"
#include "fs/backup/map_tree.h"

/* A segment that may be given up, and what of it lives. */
struct half_empty {
	uint8_t id[SEGMENT_ID_BYTES];
	uint64_t size, most, live;	/* of chunks and their rows; most: highest count of one point; live: by the maps */
	uint8_t *rows;			/* a bit a chunk that was counted */
};

struct half_empties {
	struct half_empty *row;		/* sorted by id */
	size_t n;
};

static inline bool is_half_empty(uint64_t live, uint64_t size) { return live * 2 < size; }
void half_empties_clear(struct half_empties *h);
struct half_empty *half_empties_find(const struct half_empties *h, const uint8_t id[SEGMENT_ID_BYTES]);
/* Those less than half alive among what the points that stay refer to. */
int half_empties_take(struct inventory *inv, struct half_empties *out, struct error *err);

/* A point that stays: not leaving, sound, and the newest manifest of its point. */
bool compact_is_current(const struct inventory *inv, size_t i);

/* Copies chunks into segments of the run's session. */
struct copier;
/* r and its index are borrowed; what the index knows of other sessions is used
 * when its segment is still there and not condemned. */
struct copier *copier_new(struct run *r, uint32_t chunk_size, struct error *err);
void copier_free(struct copier *c);
/* Entries of one leaf, in place: whatever the run may not use is copied. */
int copier_leaf(struct copier *c, struct map_entry *e, size_t n, struct error *err);
int copier_flush(struct copier *c, struct error *err);

DEFINE_CLEANUP(struct copier *, copier_free);

#endif
