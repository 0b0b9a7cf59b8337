/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of an overlay: what was written since the map and the data were last
 * synced in their places, so that a flush costs one write to one place and one
 * sync of it, however far apart the guest's writes lie.
 *
 * Records follow each other from the start of the region:
 *
 *	magic 8 | lap 16 | number 4 | entries 4 | SHA-256 32 |
 *	entries of 8: block << 2 | state | zeros to 4,096 |
 *	4,096 bytes for each entry that is OVERLAY_DATA, in their order
 *
 * The digest is of all of the record but itself.  The lap is random and the
 * same in all records since the start of the region was last written; numbers
 * count up from 0.  The first that does not fit ends the log: it is torn, or
 * an older lap's.  Integers are little-endian.
 *
 * Threads: one at a time.
 */
#ifndef ADE_FS_IMAGE_OVERLAY_LOG_H
#define ADE_FS_IMAGE_OVERLAY_LOG_H

#include "fs/image/overlay_header.h"
#include "fs/image/overlay_map.h"

#define OVERLAY_LOG_BLOCKS 256u		/* at most in one record */

struct overlay_log;

/* An empty one in the region of fd that the layout names.  NULL: ENOMEM. */
struct overlay_log *overlay_log_new(int fd, const struct overlay_layout *at, struct error *err);
void overlay_log_free(struct overlay_log *l);

/* A record of at most n blocks: then add, then commit.  False: there is no
 * room, void it first. */
bool overlay_log_begin(struct overlay_log *l, size_t n);
/* Returns where the OVERLAY_BLOCK bytes of a block that is OVERLAY_DATA go. */
uint8_t *overlay_log_add(struct overlay_log *l, uint64_t block, enum overlay_state state);
/* Durable on return.  0 or -errno; after a failure nobody knows. */
int overlay_log_commit(struct overlay_log *l);

/* Nothing in it counts any more; durable on return. */
int overlay_log_void(struct overlay_log *l);
/* Has commit() been called since the last void()? */
bool overlay_log_used(const struct overlay_log *l);
/* Gives its space back; after void(). */
void overlay_log_trim(struct overlay_log *l);

/* What is in the region now: the states go to the map and, with `place`, the
 * data to their places.  *records: how many there were; map may be NULL to
 * count only.  0, -EBADMSG (whole, and impossible), -EIO, -ENOMEM. */
int overlay_log_replay(int fd, const struct overlay_layout *at, struct overlay_map *map, bool place,
		       size_t *records, struct error *err);

/* Replay all, sync it in its places, and void the log. */
int overlay_log_settle(int fd, const struct overlay_layout *at, struct overlay_map *map,
		       struct error *err);

DEFINE_CLEANUP(struct overlay_log *, overlay_log_free);

#endif
