/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disks of a recovery point as a family (disk.h): what the one that is
 * being opened may need of the others, they are opened for.
 */
#ifndef ADE_FS_IMAGE_POINT_FAMILY_H
#define ADE_FS_IMAGE_POINT_FAMILY_H

#include "fs/image/disk.h"
#include "fs/image/point_disk.h"

struct point_family {
	struct disk_family family;
	struct disk_options options;	/* of the others */
	struct vault *vault;
	const struct point *point;
	const struct point_disk *self;
	struct chunk_cache *cache;
	struct keyring *keys;
};

/* Everything is borrowed.  Point disk_options.family at the result; it may end once
 * the disk is open. */
const struct disk_family *point_family(struct point_family *f, struct vault *v, const struct point *p,
				       const struct point_disk *self, struct chunk_cache *cache,
				       struct keyring *keys, const struct disk_options *opts);

#endif
