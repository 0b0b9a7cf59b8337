/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a mount tells of itself, in two files of its root that are not listed:
 * stats.json, counts of what was asked for and how long it took, and map.json,
 * which parts of each disk were read, fetched and are near.  Keys: adebackup-json(5).
 */
#ifndef ADE_FS_MOUNT_MOUNT_STATS_H
#define ADE_FS_MOUNT_MOUNT_STATS_H

#include "fs/image/diskwatch.h"
#include "fs/mount/tree.h"
#include "fs/vault/chunk_cache.h"

#define MAP_CELLS 1024u			/* of a disk in map.json, at most */

/* All are borrowed and outlive the tree; NULL where there is none. */
struct mount_stats {
	struct store *meter;		/* store_meter_new()'s */
	struct store *diskcache;	/* store_diskcache_new()'s */
	struct chunk_cache *cache;
	struct disk_watches *watches;
};

/* 0 or -ENOMEM. */
int mount_stats_show(struct tree *t, const struct mount_stats *s, struct error *err);

#endif
