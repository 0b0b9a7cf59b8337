/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The detached LUKS header of an ADE Linux OS disk: the file luks/osluksheader
 * on the plain boot partition of the same disk.  ext2, ext3 and ext4 are read
 * by libext2fs; other file systems are searched for the LUKS magic at 4 KiB
 * steps.  Everything read here is hostile.
 */
#ifndef ADE_FS_IMAGE_BOOTFILE_H
#define ADE_FS_IMAGE_BOOTFILE_H

#include "fs/image/blockdev.h"

#define BOOTFILE_MAX (64u << 20)

/* Is this header good, and how long is it?  Bytes, or 0: not a header. */
typedef uint64_t bootfile_accept_fn(struct blockdev *candidate);

/* A device over the header's bytes, or NULL: none there (ENOENT), or why the
 * file system cannot be read.  partition is borrowed.  where: a text of at
 * most size bytes, such as "/luks/osluksheader" or "offset 123". */
struct blockdev *bootfile_find(struct blockdev *partition, bootfile_accept_fn *accept, char *where,
			       size_t size, struct error *err);

/* The same, from a place on: *from begins as 0 and moves behind what was found,
 * so that a stale header that was deleted once does not hide the live one. */
struct blockdev *bootfile_find_next(struct blockdev *partition, uint64_t *from,
				    bootfile_accept_fn *accept, char *where, size_t size,
				    struct error *err);

/* One file of an ext file system as a device, at most BOOTFILE_MAX bytes;
 * holes read as zeros.  NULL: ENOENT, EBADMSG, ENOMEM, … */
struct blockdev *bootfile_open_ext(struct blockdev *partition, const char *path, struct error *err);

/* All of a file of an ext file system, piece by piece; non-zero from fn ends
 * it and is returned.  0, -ENOENT, -EBADMSG. */
typedef int bootfile_piece_fn(void *arg, const void *data, size_t len);
int bootfile_stream_ext(struct blockdev *partition, const char *path, bootfile_piece_fn *fn, void *arg,
			struct error *err);

/* Each file of a folder of an ext file system whose name begins with prefix,
 * by name's order in the folder, at most 64 and each at most BOOTFILE_MAX
 * bytes; non-zero from fn stops.  file is lent.  What cannot be read is passed
 * over. */
typedef int bootfile_fn(void *arg, struct blockdev *file, const char *name);
int bootfile_each_ext(struct blockdev *partition, const char *folder, const char *prefix, bootfile_fn *fn,
		      void *arg);

#endif
