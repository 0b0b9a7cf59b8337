/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copy on write: a writable disk over a read-only one.  What is written goes
 * to the overlay's file, what was not is read from below.
 *
 * What survives.  A disk with a volatile cache is the model: after flush() has
 * returned, all writes and discards that had returned before are durable; what
 * was not flushed may be there, or not, or in part (by sectors of 512 bytes),
 * and nothing else ever changes.  Holds for kill -9 and for a power cut on a
 * disk that loses, reorders and tears (at 512 bytes) whatever was not synced.
 * The reasons:
 *  1. A block becomes OVERLAY_DATA only with all of its 4,096 bytes written:
 *     the guest's, and around them those of the layer below (zeros, if it was
 *     OVERLAY_ZERO).  What an earlier life of the overlay left in the file at
 *     the place of such a block is never relied upon.
 *  2. The map in memory follows the data at once; the map in the file follows
 *     when all goes to its place: copy the changed pages, fdatasync, write the
 *     copies, fdatasync.  So each state that can ever reach the disk speaks of
 *     data that is there.  A torn page of the map is harmless: each sector of it
 *     is the old one or the new one, and both are true.
 *  3. A block that is OVERLAY_DATA is overwritten in place, with the guest's
 *     bytes alone.  A power cut may tear that as it may tear a write to any
 *     disk; sectors that the guest did not touch are rewritten, if at all, with
 *     what they held.
 *  4. A discarded block becomes OVERLAY_ZERO and its place in the file a hole, in
 *     any order: before the next flush() the disk may show old bytes or zeros,
 *     and both may be seen of a discard that was not flushed.
 *  5. No state goes back to OVERLAY_BASE, so that the base never shines through
 *     what was discarded.
 *  6. After a failed sync nobody knows what reached the disk, and a
 *     second one would answer well: the overlay refuses writes and flushes from
 *     then on.
 *
 *  7. A flush after few writes puts the blocks that changed into the log, state
 *     and bytes, instead (overlay_log.h), and says so once that is durable; what
 *     the file has in their places is anything that was written since 2 was last
 *     done.  Opening replays the log: each block that it names is as the last of
 *     its records has it, which is what the guest flushed last.  When 2 is done,
 *     the log is voided before the flush returns, so that a record is never
 *     replayed over what was flushed after it.  A crash before that replays
 *     flushed bytes over such as were not yet.
 *  8. A block goes to the log under its lock, so that no write is half in it.
 *
 * Threads: any number.  Writes and discards take a lock of a group of 16 blocks,
 * also while they read from below; reads take none.
 */
#ifndef ADE_FS_IMAGE_OVERLAY_H
#define ADE_FS_IMAGE_OVERLAY_H

#include "fs/image/blockdev.h"
#include "fs/image/overlay_file.h"

/* Takes lower and file, also on failure; a NULL file is handed on.  The last
 * unref flushes.  NULL: EINVAL (lower has another size than the overlay),
 * EBADMSG (the map), EIO, ENOMEM. */
struct blockdev *overlay_open(struct blockdev *lower, struct overlay_file *file, struct error *err);

/* Blocks of OVERLAY_BLOCK bytes that the overlay holds and has discarded. */
void overlay_count(const struct blockdev *overlay, uint64_t *data, uint64_t *zero);

#endif
