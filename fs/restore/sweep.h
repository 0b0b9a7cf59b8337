/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goes once over an image in the order of its offsets, with several threads:
 * data in steps of up to 4 MiB, holes as a whole or not at all.
 */
#ifndef ADE_FS_RESTORE_SWEEP_H
#define ADE_FS_RESTORE_SWEEP_H

#include "fs/image/blockdev.h"

#define SWEEP_STEP (4u << 20)

struct sweep {
	struct blockdev *from;		/* borrowed; asked for its extents */
	uint64_t start;			/* bytes before are passed over */
	bool holes;			/* visit holes too, in steps of 64 MiB */
	unsigned threads;		/* 0: as many as processors, 2 to 8 */
	/* In any thread; buf: SWEEP_STEP bytes of the thread's own.  0 or -errno,
	 * which ends the sweep. */
	int (*visit)(void *arg, uint64_t off, uint64_t len, bool hole, void *buf);
	/* In the caller's thread, five times a second and at the end: all below
	 * `done` has been visited.  Non-zero ends the sweep. */
	int (*tick)(void *arg, uint64_t done);
	void *arg;
};

/* 0, or the first failure, with the offset of the step that failed (UINT64_MAX:
 * tick or start-up) in *failed_at. */
int sweep_run(const struct sweep *s, uint64_t *failed_at);

#endif
