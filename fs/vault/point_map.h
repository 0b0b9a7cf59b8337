/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the chunks of a point's disk lie, also when the point is rewritten
 * while it is read: a compact puts a newer manifest of the same point, and in
 * time what only the older one named is collected.  Who then misses a segment,
 * because no record of his kept it, looks for that newer manifest and goes on.
 * FORMAT.md, section "Protocol", R3.
 *
 * Any number of threads.
 */
#ifndef ADE_FS_VAULT_POINT_MAP_H
#define ADE_FS_VAULT_POINT_MAP_H

#include "fs/vault/map_reader.h"

struct point_map;
struct point_edition;			/* the disk as one manifest of the point has it */

/* v is borrowed and outlives the map; p, the point as it was read, and d, a disk
 * of it, are only read here.  Fetches nothing.  NULL: EBADMSG, ENOMEM, ENOKEY. */
struct point_map *point_map_new(struct vault *v, const struct point *p, const struct point_disk *d,
				struct error *err);
void point_map_free(struct point_map *m);

/* fn puts a reader's record for the manifest of that name, as far as the store
 * lets it, before that is read (R1).  Any thread.  Before the first read. */
typedef int point_record_fn(void *arg, const char *manifest, struct error *err);
void point_map_record(struct point_map *m, point_record_fn *fn, void *arg);

/* The newest that is known; stays as long as m. */
const struct point_edition *point_map_now(struct point_map *m);

/* Entries of n chunks, from what the manifest holds itself or from the map. */
int point_edition_entries(const struct point_edition *e, uint64_t chunk, size_t n, struct map_entry *out,
			  struct error *err);
struct map_reader *point_edition_map(const struct point_edition *e);
const struct opening_row *point_edition_opening(const struct point_edition *e, size_t *n);

/* R3: who read by `was` met a missing segment, as missing tells.  0:
 * point_map_now() is another by now.  -ESTALE: the point has gone.  -EBADMSG:
 * `was` is its newest still, so this is damage.  Else why that cannot be told.
 * Failures are logged here.  One look serves all who miss something. */
int point_map_renew(struct point_map *m, const struct point_edition *was, const struct error *missing);

DEFINE_CLEANUP(struct point_map *, point_map_free);

#endif
