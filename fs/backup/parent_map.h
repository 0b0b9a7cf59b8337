/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The map of the disk in the point before, as a backup goes through it: in
 * ascending order, one page of each level in memory.  A page that cannot be
 * read is told once in the log and then reads as "nothing stored here", so
 * that a damaged parent costs space, not the backup.  FORMAT.md, section "Map".
 *
 * One thread an object; make one for each that goes its own way.
 */
#ifndef ADE_FS_BACKUP_PARENT_MAP_H
#define ADE_FS_BACKUP_PARENT_MAP_H

#include "fs/vault/map.h"
#include "fs/vault/point.h"

struct parent_map;

/* Store, ring and disk are borrowed and outlive it.  Fetches nothing.
 * NULL: ENOMEM, EBADMSG (the ring has no page key). */
struct parent_map *parent_map_new(struct store *st, const struct key_ring *ring,
				  const struct point_disk *disk, struct error *err);
void parent_map_free(struct parent_map *m);

/* The entry of one chunk; kind CHUNK_ZERO: nothing stored.  0 or -ENOMEM. */
int parent_map_entry(struct parent_map *m, uint64_t chunk, struct map_entry *out);

/* Where the page of that level lies whose first chunk is `first`; kind
 * CHUNK_ZERO: there is none.  Reads the pages above it alone.  0 or -ENOMEM. */
int parent_map_page(struct parent_map *m, unsigned level, uint64_t first, struct chunk_ref *out);

DEFINE_CLEANUP(struct parent_map *, parent_map_free);

#endif
