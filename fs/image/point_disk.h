/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk of a recovery point as the bottom of a stack: bytes are fetched from
 * the vault when they are read, or when they are prefetched (blockdev.h).  What
 * the map leaves out is a hole; no chunk and no page is fetched for it.
 *
 * Wrong bytes are never served: -EBADMSG when an object is damaged, cut,
 * missing or not the one that belongs here, -ESTALE when the point has gone, else
 * what the store answers.  A point that is rewritten while it is read is read on
 * by its newer manifest (point_map.h).
 */
#ifndef ADE_FS_IMAGE_POINT_DISK_H
#define ADE_FS_IMAGE_POINT_DISK_H

#include "fs/image/blockdev.h"
#include "fs/image/diskwatch.h"
#include "fs/vault/chunk_cache.h"
#include "fs/vault/point_map.h"

/* The vault and the cache are borrowed and outlive the disk; the cache is
 * shared by all disks of a mount.  The point and d, a disk of it, are only read
 * here.  Fetches nothing.
 * NULL: EBADMSG, ENOMEM, ENOKEY (the vault was opened without keys). */
struct blockdev *point_disk_new(struct vault *v, const struct point *p, const struct point_disk *d,
				struct chunk_cache *cache, struct error *err);

/* The disk's volumes are about to be opened: fetch at once what the manifest
 * says that this reads.  Waits for it; failures are left to who reads. */
void point_disk_opening(struct blockdev *point_disk);

/* What puts a reader's record when the point is read on by a newer manifest.  Before the first read. */
void point_disk_record(struct blockdev *point_disk, point_record_fn *fn, void *arg);

/* From now on w (borrowed) is told what is read and fetched.  Before the first read. */
void point_disk_watch(struct blockdev *point_disk, struct disk_watch *w);

/* Does reading that chunk need no network?  False too where that is not known without it. */
bool point_disk_near(struct blockdev *point_disk, uint64_t chunk);

/* Fetch the chunks of n rows, all of this disk, before they are asked for: to
 * the disk cache, as fast as readers leave room; without one to memory, as long
 * as no more than 32 MiB of them wait for a reader.  Returns when that is done,
 * nobody has read on for long, or *stop is set.  Failures are
 * left to who reads. */
void point_disk_expect(struct blockdev *point_disk, const struct trace_row *row, size_t n,
		       const _Atomic bool *stop);

#endif
