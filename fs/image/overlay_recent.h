/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which blocks of an overlay changed since the last flush, as long as they are
 * few.
 *
 * Threads: any number.
 */
#ifndef ADE_FS_IMAGE_OVERLAY_RECENT_H
#define ADE_FS_IMAGE_OVERLAY_RECENT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OVERLAY_RECENT_NOTES 1024u

struct overlay_recent {
	pthread_mutex_t lock;
	_Atomic bool many;		/* more than there is room for */
	size_t n;
	uint64_t block[OVERLAY_RECENT_NOTES];
};

void overlay_recent_init(struct overlay_recent *r);
void overlay_recent_clear(struct overlay_recent *r);

/* Call it when the change is made, and before who asked for it is told. */
void overlay_recent_note(struct overlay_recent *r, uint64_t block, uint64_t n);

/* All of them, sorted, each once, to out, which has room for `most`; forgotten
 * here.  False: they are more. */
bool overlay_recent_take(struct overlay_recent *r, uint64_t *out, size_t most, size_t *n);

#endif
