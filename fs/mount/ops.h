/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel asks of a mount, answered from a tree: the low-level FUSE
 * operations.  Reads go through the calling thread's own page-aligned buffer
 * straight to the node's blockdev; no lock of ours, no allocation.
 *
 * What is shown never changes under the kernel's feet, so it may keep
 * entries, attributes and pages as long as it likes.
 */
#ifndef ADE_FS_MOUNT_OPS_H
#define ADE_FS_MOUNT_OPS_H

#include "fs/image/readahead.h"
#include "fs/mount/flight.h"
#include "fs/mount/tree.h"

#include <fuse_lowlevel.h>
#include <pthread.h>

struct handle;

/* The userdata of the FUSE session.  Open handles are listed because the
 * kernel does not always say goodbye: after a lazy unmount the connection may
 * end before the last release is read. */
struct mount_ops {
	struct tree *tree;		/* borrowed */
	struct flights *flights;	/* borrowed */
	pthread_mutex_t lock;		/* of the list */
	struct handle *handles;
	struct readahead_share ahead;
};

void mount_ops_init(struct mount_ops *m, struct tree *tree);
/* Close what is still open; when no thread serves requests any more, and
 * before the tree goes. */
void mount_ops_finish(struct mount_ops *m);

extern const struct fuse_lowlevel_ops mount_fuse_ops;

#endif
