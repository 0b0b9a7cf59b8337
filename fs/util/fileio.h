/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole writes, and folders made durable.
 */
#ifndef ADE_FS_UTIL_FILEIO_H
#define ADE_FS_UTIL_FILEIO_H

#include <stddef.h>

/* All of it, where fd stands.  0 or -errno. */
int file_write_all(int fd, const void *data, size_t len);

/* fsync of the folder that the path's last part stands in: a name that was
 * given or taken away there survives a power cut then.  0 or -errno. */
int file_sync_folder_of(const char *path);

#endif
