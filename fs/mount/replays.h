/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traces being replayed: a thread for each disk of a point that was opened,
 * which fetches what the trace says before the guest asks.
 */
#ifndef ADE_FS_MOUNT_REPLAYS_H
#define ADE_FS_MOUNT_REPLAYS_H

#include "fs/image/blockdev.h"
#include "fs/vault/trace.h"

struct replays;
struct replays *replays_new(struct error *err);		/* starts no thread yet */
void replays_free(struct replays *r);			/* stops them and waits */

/* Takes point_disk.  The rows of t for the disk of that name and chunk size. */
void replays_add(struct replays *r, struct blockdev *point_disk, const struct trace *t, const char *disk,
		 uint32_t chunk_size);

DEFINE_CLEANUP(struct replays *, replays_free);

#endif
