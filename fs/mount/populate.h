/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the folders of a mount hold: trees made from disks.
 */
#ifndef ADE_FS_MOUNT_POPULATE_H
#define ADE_FS_MOUNT_POPULATE_H

#include "fs/image/disk.h"
#include "fs/keys/keyring.h"
#include "fs/mount/tree.h"
#include "fs/util/json_value.h"

/* What a lone disk's tree shows beside it; all is borrowed and outlives the tree. */
struct lone_view {
	struct keyring *bek;		/* show bek-volume.raw, with those of its keys that opened something; NULL: do not */
	const char *title, *dir;	/* for rebuild/: the VM's name, and where the tree is mounted */
	const struct jval *vm_config;	/* for rebuild/: the VM's description; NULL: none */
};

/* A tree whose root shows one disk: info.json, its views, rebuild/.  Takes a
 * reference of its own. */
struct tree *populate_disk(struct disk *d, const struct lone_view *view, const struct tree_owner *owner,
			   struct error *err);

/* For fill functions: put info.json and the views of d into `folder`; d stays
 * open as long as the folder's ctx keeps it. */
int populate_disk_folder(struct node *folder, struct disk *d, struct error *err);

#endif
