/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rebuild/: how to make the VM again (fs/azure/rebuild.h), beside the disks of
 * a point or of a lone image.
 */
#ifndef ADE_FS_MOUNT_POPULATE_REBUILD_H
#define ADE_FS_MOUNT_POPULATE_REBUILD_H

#include "fs/image/disk.h"
#include "fs/mount/tree.h"
#include "fs/util/json_value.h"

#define REBUILD_FOLDER "rebuild"

/* A disk beside the folder. */
struct rebuild_place {
	const char *folder;		/* its folder's name; "": the views are beside rebuild/ itself */
	uint64_t size;
	struct disk *disk;		/* borrowed; NULL: it does not open */
};

struct rebuild_source {
	const char *title;		/* of the VM, any bytes */
	const char *dir;		/* where the tree is mounted: an absolute path */
	const struct jval *vm_config;	/* NULL: no description */
	bool encrypted;			/* write down the disks as stored, with bek-volume.raw */
	/* Disk i, opened if it was not; folder is the one that holds rebuild/.
	 * False: there are no more. */
	bool (*disk)(struct node *folder, size_t i, struct rebuild_place *out);
};

/* For the disk function above: n is the disk's folder, which sets *disk when it is filled and the disk opens; one that
 * does not is told as such.  size: where it is known otherwise.  True. */
bool rebuild_place_fill(struct node *n, uint64_t size, struct disk *const *disk, struct rebuild_place *out);

/* For fill functions: put rebuild/ into folder.  It is written when it is
 * first looked into; all in src is borrowed and outlives the tree. */
int populate_rebuild(struct node *folder, const struct rebuild_source *src, struct error *err);

#endif
