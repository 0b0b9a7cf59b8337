/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One layer of a disk image: a fixed-size array of bytes, read (and, over an
 * overlay, written) from many threads at once.  A layer's struct begins with
 * struct blockdev, changes one thing about the bytes and knows no neighbour;
 * fs/image/stack.c alone knows the order of layers.
 *
 * The blockdev_*() functions check ranges, zero lengths and writability, so
 * ops never see an offset past the end or a length of 0.
 *
 * Constructors of layers take over the reference to `lower` whether they
 * succeed or not, and hand a NULL `lower` on as NULL, so that a stack is one
 * expression with one check.
 */
#ifndef ADE_FS_IMAGE_BLOCKDEV_H
#define ADE_FS_IMAGE_BLOCKDEV_H

#include "crypto/cleanup.h"
#include "crypto/error.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blockdev;

enum extent_type {
	EXTENT_DATA,		/* may hold anything */
	EXTENT_HOLE,		/* reads as zeros, and nothing is stored for it */
};

/* Called with neighbouring, ascending, non-empty extents.  Non-zero stops the
 * walk and becomes its result. */
typedef int extent_fn(void *arg, uint64_t off, uint64_t len, enum extent_type type);

struct blockdev_ops {
	const char *name;
	/* All of it, or -errno (-EIO, -EBADMSG: damaged, -ETIMEDOUT, …). */
	int  (*pread)(struct blockdev *bd, void *buf, size_t len, uint64_t off);
	int  (*pwrite)(struct blockdev *bd, const void *buf, size_t len, uint64_t off);
	int  (*discard)(struct blockdev *bd, uint64_t off, uint64_t len);	/* reads as zeros after */
	int  (*flush)(struct blockdev *bd);	/* what was written before survives a power cut */
	int  (*extents)(struct blockdev *bd, uint64_t off, uint64_t len, extent_fn *fn, void *arg);
	void (*prefetch)(struct blockdev *bd, uint64_t off, uint64_t len);	/* a hint; never waits */
	/* blockdev_warm(); NULL: nothing is kept on this machine. */
	int  (*warm)(struct blockdev *bd, uint64_t off, uint64_t len, bool count, uint64_t *bytes);
	void (*free)(struct blockdev *bd);	/* own things and the struct; lower is dropped for it */
};

struct blockdev {		/* first member of every layer's struct */
	const struct blockdev_ops *ops;
	struct blockdev *lower;	/* we hold a reference; NULL at the bottom */
	uint64_t size;		/* bytes, fixed for life */
	uint32_t align;		/* reads of this multiple cost nothing extra */
	bool writable;
	bool far;		/* a read may cost a round trip: who reads on does well to prefetch */
	_Atomic unsigned refs;
};

/* For constructors: fill the base of a zeroed struct.  refs becomes 1.
 * lower may be NULL. */
void blockdev_init(struct blockdev *bd, const struct blockdev_ops *ops,
		   struct blockdev *lower, uint64_t size);

struct blockdev *blockdev_ref(struct blockdev *bd);
void blockdev_unref(struct blockdev *bd);		/* NULL allowed */

/* -EINVAL when the range is not inside [0, size); -EROFS when not writable. */
int blockdev_pread(struct blockdev *bd, void *buf, size_t len, uint64_t off);
int blockdev_pwrite(struct blockdev *bd, const void *buf, size_t len, uint64_t off);
int blockdev_discard(struct blockdev *bd, uint64_t off, uint64_t len);
int blockdev_flush(struct blockdev *bd);

/* Extents of [off, off + len): without the op all is EXTENT_DATA. */
int blockdev_extents(struct blockdev *bd, uint64_t off, uint64_t len, extent_fn *fn, void *arg);
/* The same told from `as` on: for a layer that shows those bytes there. */
int blockdev_extents_as(struct blockdev *bd, uint64_t off, uint64_t len, uint64_t as, extent_fn *fn, void *arg);
void blockdev_prefetch(struct blockdev *bd, uint64_t off, uint64_t len);

/* See to it that the range can be read without the network, in the background
 * of all reads, and wait for it.  *bytes: what came; count: only tell what
 * would have to.  0, -ENOTSUP (there is no disk cache), -ENOSPC, -EIO, … */
int blockdev_warm(struct blockdev *bd, uint64_t off, uint64_t len, bool count, uint64_t *bytes);

DEFINE_CLEANUP(struct blockdev *, blockdev_unref);

#endif
