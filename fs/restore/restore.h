/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes an image to a file or a block device: with several threads, in the
 * order of its offsets, leaving out what is zero where the target is a file.
 */
#ifndef ADE_FS_RESTORE_RESTORE_H
#define ADE_FS_RESTORE_RESTORE_H

#include "fs/image/blockdev.h"

struct restore {
	struct blockdev *from;		/* borrowed */
	const char *path;		/* target.h says what it may be */
	const char *what;		/* names the bytes: VM, point, disk, view */
	bool resume;
	bool check;			/* read it all back and compare */
	unsigned threads;		/* 0: as many as processors, 2 to 8 */
	/* Five times a second; non-zero (-errno) stops, to be resumed. */
	int (*progress)(void *arg, uint64_t done, uint64_t total);
	/* The image could not be read, and that ends it: what else is on the way for it need not be waited for.
	 * Any thread; NULL: none. */
	void (*gone)(void *arg);
	void *arg;
};

struct restore_result {
	uint64_t read_bytes;		/* of the image, without holes */
	uint64_t written_bytes;		/* without zeros */
	uint64_t resumed_at;		/* bytes that stood there already */
	double write_seconds, sync_seconds, check_seconds;
};

/* 0; -EBADMSG: the image is damaged (words tell at which offset), or, checked,
 * the target holds other bytes; else -errno with words. */
int restore_run(const struct restore *r, struct restore_result *out, struct error *err);

#endif
