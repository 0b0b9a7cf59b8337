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

#include "fs/mount/flight.h"
#include "fs/mount/tree.h"

#include <fuse_lowlevel.h>

/* The userdata of the FUSE session. */
struct mount_ops {
	struct tree *tree;		/* borrowed */
	struct flights *flights;	/* borrowed */
};

extern const struct fuse_lowlevel_ops mount_fuse_ops;

#endif
