/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file system of a Linux guest, inside an image that may lie over an overlay:
 * small files are read and replaced.  ext2, ext3 and ext4 by libext2fs and
 * debugfs, as any user; xfs by the kernel, over a loop device, as root.
 * Symbolic links are the guest's and are not followed.
 */
#ifndef ADE_TOOLS_LIB_BOOT_FS_H
#define ADE_TOOLS_LIB_BOOT_FS_H

#include "crypto/cleanup.h"
#include "crypto/error.h"

#include <stdbool.h>
#include <stdint.h>

struct boot_fs;

/* image: the view's path, borrowed while it is open; work: a private folder for helpers' files.  NULL
 * with words: ENOTSUP (a file system that is not written to here, or a program
 * is missing), EPERM (xfs, and not root), EBADMSG. */
struct boot_fs *boot_fs_open(const char *image, uint64_t start, uint64_t size, const char *holds,
			     const char *work, struct error *err);

/* The same for reading alone, journals not replayed: boot_fs_replay() and _write() are not for it. */
struct boot_fs *boot_fs_open_read_only(const char *image, uint64_t start, uint64_t size, const char *holds,
				       const char *work, struct error *err);
void boot_fs_close(struct boot_fs *b);

/* Replay an ext journal, before the first write.  0 or -EBADMSG, … */
int boot_fs_replay(struct boot_fs *b, bool *replayed, struct error *err);

/* The file, malloc'ed, a NUL behind it, at most 1 MiB.  NULL: ENOENT, … */
char *boot_fs_read(struct boot_fs *b, const char *path, size_t *len, struct error *err);

/* All of a file, however large, piece by piece; non-zero from fn ends it and is returned, without words. */
typedef int boot_fs_piece_fn(void *arg, const void *data, size_t len);
int boot_fs_stream(struct boot_fs *b, const char *path, boot_fs_piece_fn *fn, void *arg, struct error *err);

/* The names in a folder that end in `suffix`, one a line; "" for none or no folder. */
char *boot_fs_list(struct boot_fs *b, const char *dir, const char *suffix, struct error *err);

/* Put the file there, in place of an older one; read back and compared. */
int boot_fs_write(struct boot_fs *b, const char *path, const void *data, size_t len, struct error *err);

DEFINE_CLEANUP(struct boot_fs *, boot_fs_close);

#endif
