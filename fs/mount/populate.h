/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the folders of a mount hold: trees made from disks.
 */
#ifndef ADE_FS_MOUNT_POPULATE_H
#define ADE_FS_MOUNT_POPULATE_H

#include "fs/mount/tree.h"

/* One image as disk.raw.  Takes source, on failure too; NULL is handed on. */
struct tree *populate_image(struct blockdev *source, const struct tree_owner *owner,
			    struct error *err);

#endif
