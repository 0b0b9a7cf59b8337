/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far to read ahead of one open file: follows up to 8 streams of reads in
 * it (a guest has several) by the offsets they read at.  The window is a quarter
 * to half of what a stream has read on so far, so that no more than that is
 * fetched in vain when it ends or jumps.  Over a long line a late answer stops
 * the reader, and with him the next requests, which costs the less the more are
 * under way: one stream of a mount may have a wider window than the others.
 */
#ifndef ADE_FS_IMAGE_READAHEAD_H
#define ADE_FS_IMAGE_READAHEAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define READAHEAD_STREAMS 8u
#define READAHEAD_MIN (256u << 10)	/* before it has read so much it has no window */
#define READAHEAD_SOON (512u << 10)	/* up to here it is half of what was read, then a quarter */
#define READAHEAD_LONG (16u << 20)	/* and half again once so much was read */
#define READAHEAD_MAX (8u << 20)
#define READAHEAD_WIDE (24u << 20)
#define READAHEAD_STEP (2u << 20)	/* is asked for at once, at most */

struct stream {
	uint64_t begin;			/* where it has read from */
	uint64_t next;			/* where it reads on */
	uint64_t ahead;			/* up to here has been asked for */
	uint64_t window;		/* bytes; 0: it has not read on for long enough */
	uint64_t used;
};

/* Of a mount: which stream has the wide window. */
struct readahead_share {
	pthread_mutex_t lock;		/* guards all below */
	const struct stream *wide;
	int64_t used_ms;		/* it has asked then; silent for a second, it has it no more */
};

struct readahead {
	struct readahead_share *share;	/* NULL: no wide window */
	pthread_mutex_t lock;		/* guards all below */
	uint64_t clock;
	struct stream stream[READAHEAD_STREAMS];
};

void readahead_share_init(struct readahead_share *s);
void readahead_share_release(struct readahead_share *s);
void readahead_init(struct readahead *r, struct readahead_share *share);	/* which outlives it */
void readahead_release(struct readahead *r);

/* A read of [off, off + len) comes: what to fetch ahead now, [*from, *to), of
 * a disk of size bytes; empty mostly.  Any number of threads. */
void readahead_note(struct readahead *r, uint64_t off, uint64_t len, uint64_t size, uint64_t *from,
		    uint64_t *to);

#endif
