/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file systems of a mounted disk, or of all disks of a recovery point,
 * under one folder:  DIR/p1, DIR/rootvg-root; of a point DIR/os/p1.  A small
 * tmpfs holds the folders; its source in the mount table is the private
 * folder where the images are mounted, so that taking DIR away finds all.
 */
#ifndef ADE_TOOLS_LIB_FILES_TREE_H
#define ADE_TOOLS_LIB_FILES_TREE_H

#include "crypto/error.h"
#include "fs/mount/mounttable.h"
#include "fs/util/json.h"

/* images: the mount of the disk, a private folder.  What is mounted, and what
 * is not and why, is appended to `list` (an array) as {name, holds, dir |
 * reason}.  0, 1 when something with files in it stays out, or -errno with
 * words, with nothing left at dir. */
int files_tree_make(const char *images, const char *dir, bool for_others, json_t *list,
		    struct error *err);

/* An entry that files_tree_make() made. */
bool files_tree_is(const struct mount_entry *e);

/* dir shows what is in images. */
bool files_tree_shows(const char *dir, const char *images);

/* Undo: the file systems, dir, and the images.  images: only if dir shows
 * those; NULL: whatever it shows.  -EBUSY with words. */
int files_tree_remove(const char *dir, const char *images, bool lazily, struct error *err);

#endif
