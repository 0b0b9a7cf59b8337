/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The half of the FUSE operations that touches image bytes, and the helpers
 * that both halves share.  Private to fs/mount/ops*.c.
 */
#ifndef ADE_FS_MOUNT_OPS_IO_H
#define ADE_FS_MOUNT_OPS_IO_H

#include "fs/mount/ops.h"

/* What an open image, or live text, is to the kernel: fi->fh. */
struct handle {
	struct node *node;
	struct blockdev *bd;		/* NULL: a live text */
	char *text;
	size_t text_len;
	struct readahead ahead;		/* where it is read from, and what was asked for ahead of that */
	struct handle *next, **link;	/* link: what points to this one */
};

static inline struct handle *handle_of(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}

/* Which errno a reader sees: a lock is a permission, all damage is EIO. */
int errno_shown(int rc);

/* The node that a request means, or NULL. */
struct node *request_node(fuse_req_t req, fuse_ino_t ino);

/* The calling thread's worker, or NULL. */
struct worker *request_worker(fuse_req_t req);

/* Fill a folder on behalf of a request.  0, -errno for the caller to answer,
 * or REQUEST_ANSWERED: the deadline passed, and `req` is gone. */
#define REQUEST_ANSWERED 1
int request_fill(fuse_req_t req, struct node *folder);

void mount_op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void mount_op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void mount_op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		   struct fuse_file_info *fi);
void mount_op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
		    struct fuse_file_info *fi);
void mount_op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void mount_op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
			struct fuse_file_info *fi);
void mount_op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
		    struct fuse_file_info *fi);

void mount_op_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned cmd, void *arg, struct fuse_file_info *fi,
		    unsigned flags, const void *in_buf, size_t in_size, size_t out_size);

#endif
