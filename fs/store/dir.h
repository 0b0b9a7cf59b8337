/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store in a directory.  An object is a file; a put writes tmp/<random>,
 * syncs it, gives it its name with link(2), which fails when the name is
 * taken, and syncs the folder.  Works on any POSIX file system, NFS included.
 */
#ifndef ADE_FS_STORE_DIR_H
#define ADE_FS_STORE_DIR_H

#include "fs/store/store.h"

/* create: make path itself (its parent must exist).  NULL: ENOENT, EACCES, ENOTDIR, … */
struct store *store_dir_open(const char *path, bool create, struct error *err);

#endif
