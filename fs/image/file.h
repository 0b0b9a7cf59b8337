/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bottom of a stack: a regular file or a block device of this machine,
 * read as it is.  Never written to.
 */
#ifndef ADE_FS_IMAGE_FILE_H
#define ADE_FS_IMAGE_FILE_H

#include "fs/image/blockdev.h"

/* NULL: ENOENT, EACCES, …; EINVAL for what is neither file nor block device.
 * An empty file opens with size 0; whether that is a disk the caller decides.
 * Holes are told.  A file that is cut short while it is open gives -EIO. */
struct blockdev *file_open(const char *path, struct error *err);

#endif
