/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a file in a FAT file system?  For EFI system partitions: short names
 * alone, FAT12, FAT16 and FAT32 as Microsoft's specification (fatgen103) has
 * them.  Everything read is hostile: chains are followed a bounded way.
 */
#ifndef ADE_FS_IMAGE_FATREAD_H
#define ADE_FS_IMAGE_FATREAD_H

#include "fs/image/blockdev.h"

/* path: "EFI/BOOT/BOOTX64.EFI", each part a name of at most 8 letters, a dot
 * and 3, in capitals.  1: a file that is not empty; 0: none; -EBADMSG: not FAT,
 * or damaged; codes of the reader. */
int fat_has_file(struct blockdev *bd, const char *path);

/* Calls fn for the folders in the folder at path, by their short names. */
typedef int fat_folder_fn(void *arg, const char *name);
int fat_each_folder(struct blockdev *bd, const char *path, fat_folder_fn *fn, void *arg);

#endif
