/* SPDX-License-Identifier: Apache-2.0 */
/* Between overlay.c, where reads and writes go, and overlay_flush.c. */
#ifndef ADE_FS_IMAGE_OVERLAY_PRIVATE_H
#define ADE_FS_IMAGE_OVERLAY_PRIVATE_H

#include "fs/image/overlay.h"
#include "fs/image/overlay_log.h"
#include "fs/image/overlay_map.h"
#include "fs/image/overlay_recent.h"

#include <pthread.h>

#define OVERLAY_GROUP_BLOCKS 16u	/* within one word of the map */
#define OVERLAY_GROUP_BYTES (OVERLAY_GROUP_BLOCKS * OVERLAY_BLOCK)
#define OVERLAY_STRIPES 32u

struct overlay {
	struct blockdev bd;
	struct overlay_file *file;
	struct overlay_map *map;
	struct overlay_layout at;
	pthread_mutex_t stripe[OVERLAY_STRIPES];	/* of a group: it changes under it */
	struct overlay_recent recent;
	pthread_mutex_t flushing;	/* guards all below, and the map's take and write */
	struct overlay_log *log;	/* NULL: the file has none, or is only read */
	bool owed;			/* the log alone does not do: sync all in its place */
	uint64_t flushed;		/* all asked up to here are done */
	_Atomic uint64_t asked;		/* flushes, so far */
	_Atomic bool broken;		/* a sync failed */
};

static inline pthread_mutex_t *overlay_stripe(struct overlay *o, uint64_t off)
{
	return &o->stripe[off / OVERLAY_GROUP_BYTES % OVERLAY_STRIPES];
}

int overlay_read_file(const struct overlay *o, void *buf, size_t len, uint64_t off);

int overlay_flush(struct blockdev *bd);
/* For the end: nothing is left in the log. */
int overlay_flush_last(struct overlay *o);

#endif
