/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of restored disks: one recovery point as a root: vm.json, a folder
 * a disk, which is opened when it is first looked into, rebuild/.
 */
#ifndef ADE_FS_MOUNT_POPULATE_RESTORED_H
#define ADE_FS_MOUNT_POPULATE_RESTORED_H

#include "fs/image/disk.h"
#include "fs/keys/keyring.h"
#include "fs/mount/tree.h"
#include "fs/util/json_value.h"

/* All is borrowed and outlives the tree. */
struct restored_view {
	size_t n;
	const char *(*name)(void *arg, size_t i);	/* "os", "lun0" */
	struct disk *(*open)(void *arg, size_t i, struct error *err);	/* a new one */
	void *arg;
	const char *title, *dir;	/* for rebuild/: the VM's name, and where the tree is mounted */
	const struct jval *vm_config;	/* without secrets */
	struct keyring *bek;		/* show bek-volume.raw; NULL: do not */
};

struct tree *populate_restored(const struct restored_view *view, const struct tree_owner *owner, struct error *err);

#endif
