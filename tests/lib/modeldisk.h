/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk in memory that is changed at random between backups, as a guest
 * would: single blocks, runs, copies of what is elsewhere, zeros, text.
 */
#ifndef ADE_TESTS_LIB_MODELDISK_H
#define ADE_TESTS_LIB_MODELDISK_H

#include "fs/image/blockdev.h"
#include "tests/lib/testlib.h"

#define MODEL_BLOCK 4096u

struct modeldisk {
	uint8_t *bytes;
	size_t size;
	bool tells_holes;	/* blocks of zeros are told as holes */
};

struct modeldisk *modeldisk_new(size_t size, bool tells_holes);
void modeldisk_free(struct modeldisk *d);
void modeldisk_resize(struct modeldisk *d, size_t size);	/* new bytes are zero */
void modeldisk_change(struct modeldisk *d, struct test_random *r, unsigned edits);

/* Reads d, which must not change while it is open. */
struct blockdev *modeldisk_open(const struct modeldisk *d);

#endif
