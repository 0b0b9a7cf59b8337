/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One disk into the vault: its data is cut into pieces of one leaf of the map
 * each (64 MiB at the default), which threads read, pack, seal and enter.
 * Holes are passed over without a read.
 */
#ifndef ADE_FS_BACKUP_DISK_BACKUP_H
#define ADE_FS_BACKUP_DISK_BACKUP_H

#include "fs/backup/run.h"
#include "fs/image/blockdev.h"
#include "fs/image/pagemap.h"
#include "fs/vault/point.h"

struct disk_backup {
	struct run *run;
	struct blockdev *source;
	const struct point_disk *parent;	/* NULL: none of its kind */
	struct pagemap *changed;		/* its holes are chunks as the parent has them; NULL: compare all */
	uint32_t chunk_size;
	unsigned threads;
};

/* Called now and then while threads work; non-zero stops them. */
typedef int disk_tick_fn(void *arg);

/* Fills size, chunk_size, levels, top, stored_bytes and new_bytes of *out.
 * 0 or -errno with words. */
int disk_backup(const struct disk_backup *b, disk_tick_fn *tick, void *arg, struct point_disk *out,
		struct error *err);

#endif
