/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk as a mount shows it: a folder with info.json and views.  The
 * commands that build on a mount see no more of a disk than this, so that a
 * disk of a vault is the same to them as an image.
 */
#ifndef ADE_TOOLS_LIB_DISK_DIR_H
#define ADE_TOOLS_LIB_DISK_DIR_H

#include "crypto/error.h"
#include "fs/azure/vm_model.h"
#include "fs/util/json.h"

#include <stdbool.h>

/* info.json of the disk at dir.  NULL: ENOENT (no disk's folder), EBADMSG, … */
json_t *disk_dir_info(const char *dir, struct error *err);

/* What vm.json of the mount at dir says of the VM; of a mount without one, or
 * one that cannot be understood, a model that says nothing.  NULL: ENOMEM. */
struct vm_model *disk_dir_vm(const char *dir, struct error *err);

/* Calls fn for each disk in the mount at dir: for itself (name "") or for the
 * folders in it ("os", "lun0").  The first non-zero ends it and is returned;
 * -EINVAL with words when there is none. */
typedef int disk_dir_fn(void *arg, const char *path, const char *name, struct error *err);
int disk_dir_each(const char *dir, disk_dir_fn *fn, void *arg, struct error *err);

/* A partition or a logical volume. */
struct disk_volume_view {
	const char *name;	/* "p1", "rootvg-root", "disk" (no partition table) */
	const char *view;	/* "p1.raw"; "": it has none */
	const char *holds;	/* "ext4", "swap", …, "": nothing that we know */
	const char *why;	/* why it cannot be read; "": it can */
	bool encrypted;
};

typedef int disk_volume_fn(void *arg, const struct disk_volume_view *v, struct error *err);
int disk_volume_each(const json_t *info, disk_volume_fn *fn, void *arg, struct error *err);

#endif
