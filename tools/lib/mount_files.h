/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a mount tells of itself in the files of its root that are not listed
 * (fs/mount/mount_stats.h), read by who may.
 */
#ifndef ADE_TOOLS_LIB_MOUNT_FILES_H
#define ADE_TOOLS_LIB_MOUNT_FILES_H

#include "crypto/error.h"
#include "fs/util/json.h"

/* Where what is at dir is mounted: malloc'ed.  NULL: ENOENT (not in a mount of ours), … */
char *mount_files_root(const char *dir, struct error *err);

/* The root's "stats.json" or "map.json".  NULL: EACCES (another user's), ENOENT, … */
json_t *mount_files_read(const char *root, const char *name, struct error *err);

#endif
