/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The map of an overlay: two bits for each block of 4,096 bytes, held in
 * memory in pages that exist once something in them was written, and written
 * to the file in two steps, so that the owner can make the data durable
 * between them (overlay.h tells why).
 *
 * In the file: pages of 4,096 bytes, 16,384 blocks each; words of 64 bits,
 * little-endian, the first block in the lowest bits.
 *
 * Threads: run, set and count from any; take and write from one at a time.
 */
#ifndef ADE_FS_IMAGE_OVERLAY_MAP_H
#define ADE_FS_IMAGE_OVERLAY_MAP_H

#include "crypto/cleanup.h"
#include "crypto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum overlay_state {
	OVERLAY_BASE = 0,	/* the layer below has it */
	OVERLAY_DATA = 1,	/* the overlay has it */
	OVERLAY_ZERO = 2,	/* discarded: reads as zeros */
};

#define OVERLAY_WORD_BLOCKS 32u

struct overlay_map;

/* For `blocks` blocks, all OVERLAY_BASE.  NULL: ENOMEM. */
struct overlay_map *overlay_map_new(uint64_t blocks, struct error *err);
void overlay_map_free(struct overlay_map *m);

/* Read it from fd at off; once, before anything else.  0, -EBADMSG (a state
 * that does not exist, or one past the last block), -EIO, -ENOMEM. */
int overlay_map_load(struct overlay_map *m, int fd, uint64_t off, struct error *err);

/* The state of `block`, and how many blocks from there on share it: at least
 * 1, at most `most`.  block + most is inside. */
enum overlay_state overlay_map_run(const struct overlay_map *m, uint64_t block, uint64_t most,
				   uint64_t *run);

/* 0 or -ENOMEM, then some may have been set. */
int overlay_map_set(struct overlay_map *m, uint64_t block, uint64_t n, enum overlay_state state);

/* Copy all pages that changed since the last take, for overlay_map_write().
 * *any: there are such.  0 or -ENOMEM, then nothing was taken. */
int overlay_map_take(struct overlay_map *m, bool *any);

/* Write the copies to fd at off.  0 or -errno; after a failure the pages count
 * as changed again.  Not durable before the caller's fdatasync(2). */
int overlay_map_write(struct overlay_map *m, int fd, uint64_t off);

/* Blocks in each state that the overlay itself holds. */
void overlay_map_count(const struct overlay_map *m, uint64_t *data, uint64_t *zero);

DEFINE_CLEANUP(struct overlay_map *, overlay_map_free);

#endif
