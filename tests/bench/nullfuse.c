/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limit that `make bench` compares with: a FUSE daemon that does nothing.
 *
 *     nullfuse SIZE DIR
 *
 * DIR/disk.raw has SIZE bytes, all zero, answered from one buffer, by as many threads as libfuse
 * likes, each with its own descriptor.  Runs in the background until DIR is unmounted.
 */
#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { ROOT_INODE = 1, FILE_INODE = 2, READ_MAX = 1 << 20 };

static const char file_name[] = "disk.raw";
static const char zeros[READ_MAX];

static void fill_stat(fuse_req_t req, fuse_ino_t ino, struct stat *st)
{
	const uint64_t *size = fuse_req_userdata(req);

	memset(st, 0, sizeof(*st));
	st->st_ino = ino;
	st->st_nlink = 1;
	st->st_mode = ino == ROOT_INODE ? S_IFDIR | 0555 : S_IFREG | 0444;
	st->st_size = ino == ROOT_INODE ? 0 : (off_t)*size;
}

static void null_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = { .ino = FILE_INODE, .attr_timeout = 3600, .entry_timeout = 3600 };

	if (parent != ROOT_INODE || strcmp(name, file_name) != 0) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	fill_stat(req, FILE_INODE, &e.attr);
	fuse_reply_entry(req, &e);
}

static void null_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	fill_stat(req, ino, &st);
	fuse_reply_attr(req, &st, 3600);
}

static void null_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	if (ino != FILE_INODE) {
		fuse_reply_err(req, EISDIR);
		return;
	}
	fi->keep_cache = 1;
	fuse_reply_open(req, fi);
}

static void null_read(fuse_req_t req, fuse_ino_t ino, size_t len, off_t at, struct fuse_file_info *fi)
{
	uint64_t size = *(const uint64_t *)fuse_req_userdata(req);

	(void)ino;
	(void)fi;
	if ((uint64_t)at >= size)
		len = 0;
	else if (len > size - (uint64_t)at)
		len = size - (uint64_t)at;
	fuse_reply_buf(req, zeros, len < READ_MAX ? len : READ_MAX);
}

static const struct fuse_lowlevel_ops ops = {
	.lookup = null_lookup,
	.getattr = null_getattr,
	.open = null_open,
	.read = null_read,
};

static int serve(struct fuse_session *se, const char *dir)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int rc = -1;

	if (config && fuse_set_signal_handlers(se) == 0 && fuse_session_mount(se, dir) == 0) {
		fuse_loop_cfg_set_clone_fd(config, 1);
		fuse_daemonize(0);
		rc = fuse_session_loop_mt(se, config);
		fuse_session_unmount(se);
	}
	if (config)
		fuse_loop_cfg_destroy(config);
	return rc;
}

int main(int argc, char **argv)
{
	char *fuse_argv[] = { argv[0], (char[]){ "-osubtype=nullfuse,ro" }, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(2, fuse_argv);
	struct fuse_session *se;
	uint64_t size;
	int rc;

	if (argc != 3) {
		fprintf(stderr, "usage: nullfuse SIZE DIR\n");
		return 2;
	}
	size = strtoull(argv[1], NULL, 0);
	se = fuse_session_new(&args, &ops, sizeof(ops), &size);
	if (!se)
		return 1;
	rc = serve(se, argv[2]);
	fuse_session_destroy(se);
	fuse_opt_free_args(&args);
	return rc == 0 ? 0 : 1;
}
