/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which chunks of a file hold anything: a bit each, filled from lists of
 * ranges window by window, as somebody asks.  Any number of threads.
 */
#ifndef ADE_FS_IMAGE_PAGEMAP_H
#define ADE_FS_IMAGE_PAGEMAP_H

#include "crypto/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGEMAP_WINDOW (UINT64_C(64) << 30)	/* bytes of the file that one list covers */

struct pagemap;

/* chunk: bytes of one bit, a power of two that divides the window.  NULL: no memory. */
struct pagemap *pagemap_new(uint64_t size, uint32_t chunk);
void pagemap_free(struct pagemap *m);

/* The window in which off lies. */
void pagemap_window(const struct pagemap *m, uint64_t off, uint64_t *from, uint64_t *to);

/* Will you fill the window of off?  True for one asker until pagemap_filled(). */
bool pagemap_take(struct pagemap *m, uint64_t off);
/* [off, off + len) holds something; anywhere. */
void pagemap_mark(struct pagemap *m, uint64_t off, uint64_t len);
/* The window of off is known now; ok false: nothing is known of it, and nobody need try again:
 * all of it counts as data. */
void pagemap_filled(struct pagemap *m, uint64_t off, bool ok);
/* Until the window of off is known. */
void pagemap_wait(struct pagemap *m, uint64_t off);

/* Is it known, or somebody at it? */
bool pagemap_is_known(struct pagemap *m, uint64_t off);
/* Is the window known, and does the chunk hold nothing? */
bool pagemap_is_hole(struct pagemap *m, uint64_t chunk);
/* How many chunks from there on, at most n, are alike, as far as windows are known. */
uint64_t pagemap_run(struct pagemap *m, uint64_t chunk, uint64_t n, bool *hole);

DEFINE_CLEANUP(struct pagemap *, pagemap_free);

#endif
