/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the folders of a mount hold: trees made from disks.
 */
#ifndef ADE_FS_MOUNT_POPULATE_H
#define ADE_FS_MOUNT_POPULATE_H

#include "fs/image/disk.h"
#include "fs/keys/keyring.h"
#include "fs/mount/tree.h"

/* A tree whose root shows one disk: info.json and its views.  Takes a
 * reference of its own.  bek: show bek-volume.raw, too, with those of its keys
 * that opened something (borrowed, outlives the tree); NULL: do not. */
struct tree *populate_disk(struct disk *d, struct keyring *bek, const struct tree_owner *owner,
			   struct error *err);

/* For fill functions: put info.json and the views of d into `folder`; d stays
 * open as long as the folder's ctx keeps it. */
int populate_disk_folder(struct node *folder, struct disk *d, struct error *err);

#endif
