/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bek-volume.raw: the keys that opened a VM's disks, on the small FAT disk
 * that an ADE guest looks for when it starts.
 */
#ifndef ADE_FS_MOUNT_POPULATE_BEK_H
#define ADE_FS_MOUNT_POPULATE_BEK_H

#include "fs/keys/keyring.h"
#include "fs/mount/tree.h"

/* For fill functions: put bek-volume.raw into folder.  It is made when it is
 * opened: the disks below the folder are opened first, then the keys of the
 * ring that opened a volume are taken, under ADE's names.  Readable by the
 * process's user alone, whoever owns the other files.  keys is borrowed and
 * outlives the tree. */
int populate_bek(struct node *folder, struct keyring *keys, struct error *err);

#endif
