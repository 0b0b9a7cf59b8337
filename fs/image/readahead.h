/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far to read ahead of one open file: follows up to 8 streams of reads in
 * it (a guest has several) by the offsets they read at.  A window opens when a
 * stream reads on where it was, doubles as it goes on, and is gone when it
 * jumps.
 */
#ifndef ADE_FS_IMAGE_READAHEAD_H
#define ADE_FS_IMAGE_READAHEAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define READAHEAD_STREAMS 8u
#define READAHEAD_MIN (256u << 10)
#define READAHEAD_MAX (8u << 20)

struct stream {
	uint64_t next;			/* where it reads on */
	uint64_t ahead;			/* up to here has been asked for */
	uint64_t window;		/* bytes; 0: not seen reading on yet */
	uint64_t used;
};

struct readahead {
	pthread_mutex_t lock;		/* guards all below */
	uint64_t clock;
	struct stream stream[READAHEAD_STREAMS];
};

void readahead_init(struct readahead *r);
void readahead_release(struct readahead *r);

/* A read of [off, off + len) comes: what to fetch ahead now, [*from, *to), of
 * a disk of size bytes; empty mostly.  Any number of threads. */
void readahead_note(struct readahead *r, uint64_t off, uint64_t len, uint64_t size, uint64_t *from,
		    uint64_t *to);

#endif
