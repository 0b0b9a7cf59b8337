/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/mount/ops.h"
#include "crypto/bytes.h"
#include "fs/mount/ops_io.h"

#include <errno.h>
#include <string.h>

#define FOR_EVER (365.0 * 86400)

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	conn->want &= ~(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
	if (conn->capable & FUSE_CAP_EXPORT_SUPPORT)
		conn->want |= FUSE_CAP_EXPORT_SUPPORT;
	conn->max_readahead = WORKER_BUFFER;
	/* Asynchronous direct reads are background requests to the kernel. */
	conn->max_background = 64;
	conn->congestion_threshold = 48;
}

/* Where the holes of an image are is not known before it is opened.  With one
 * block less than its size cp, tar and rsync take it for sparse and ask. */
static blkcnt_t blocks(const struct node *n)
{
	uint64_t count = n->size / 512 + (n->size % 512 != 0);

	return (blkcnt_t)(n->kind == NODE_IMAGE && count ? count - 1 : count);
}

static void fill_attr(const struct node *n, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = n->ino;
	st->st_mode = n->mode;
	st->st_nlink = n->kind == NODE_FOLDER ? 2 : 1;
	st->st_uid = n->uid;
	st->st_gid = n->gid;
	st->st_size = (off_t)n->size;
	st->st_blocks = blocks(n);
	st->st_blksize = 65536;
	st->st_mtime = st->st_ctime = st->st_atime = n->mtime;
}

static void fill_entry(const struct node *n, struct fuse_entry_param *e)
{
	memset(e, 0, sizeof(*e));
	e->ino = n->ino;
	e->generation = 1;
	e->attr_timeout = e->entry_timeout = FOR_EVER;
	fill_attr(n, &e->attr);
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct node *folder = request_node(req, parent), *n;
	struct fuse_entry_param e;
	int rc;

	if (!strcmp(name, ".") || !strcmp(name, "..")) {	/* NFS server */
		n = folder && name[1] ? folder->parent : folder;
		rc = n ? 0 : -ESTALE;
	} else if (folder && folder->kind == NODE_FOLDER && (n = node_early(folder, name))) {
		rc = 0;
	} else {
		rc = request_fill(req, folder);
		if (rc == REQUEST_ANSWERED)
			return;
		n = rc ? NULL : node_child(folder, name);
	}
	if (rc) {
		fuse_reply_err(req, -rc);
		return;
	}
	memset(&e, 0, sizeof(e));
	e.entry_timeout = FOR_EVER;	/* that it is missing */
	if (n)
		fill_entry(n, &e);
	fuse_reply_entry(req, &e);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	(void)ino;
	(void)n;
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	(void)count;
	(void)forgets;
	fuse_reply_none(req);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node *n = request_node(req, ino);
	struct stat st;

	(void)fi;
	if (!n) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	fill_attr(n, &st);
	fuse_reply_attr(req, &st, FOR_EVER);
}

/* Of a writable image; times are accepted and not kept. */
static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		       struct fuse_file_info *fi)
{
	struct node *n = request_node(req, ino);

	if (!n || !n->writable)
		fuse_reply_err(req, n ? EROFS : ESTALE);
	else if (to_set & (FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID))
		fuse_reply_err(req, EPERM);
	else if ((to_set & FUSE_SET_ATTR_SIZE) && (uint64_t)attr->st_size != n->size)
		fuse_reply_err(req, EPERM);
	else
		op_getattr(req, ino, fi);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct node *n = request_node(req, ino);

	if (!n || n->kind != NODE_LINK)
		fuse_reply_err(req, n ? EINVAL : ESTALE);
	else
		fuse_reply_readlink(req, n->text);
}

static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	int rc = request_fill(req, request_node(req, ino));

	if (rc == REQUEST_ANSWERED)
		return;
	fi->keep_cache = fi->cache_readdir = 1;
	if (rc)
		fuse_reply_err(req, -rc);
	else
		fuse_reply_open(req, fi);
}

/* One entry at `at`, which is 0 for ".", 1 for "..", then the children. */
static size_t put_entry(fuse_req_t req, struct node *folder, uint64_t at, bool plus,
			char *buf, size_t room)
{
	struct node *n = at == 0 ? folder : at == 1 ? folder->parent : folder->children[at - 2];
	const char *name = at == 0 ? "." : at == 1 ? ".." : n->name;
	struct fuse_entry_param e;

	fill_entry(n, &e);
	if (plus)
		return fuse_add_direntry_plus(req, buf, room, name, &e, (off_t)at + 1);
	return fuse_add_direntry(req, buf, room, name, &e.attr, (off_t)at + 1);
}

static void read_folder(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, bool plus)
{
	struct node *folder = request_node(req, ino);
	struct worker *w = request_worker(req);
	size_t used = 0, n;
	uint64_t at;

	if (!folder || !w || folder->kind != NODE_FOLDER) {
		fuse_reply_err(req, folder ? ENOMEM : ESTALE);
		return;
	}
	if (size > WORKER_BUFFER)
		size = WORKER_BUFFER;
	/* Filled since opendir. */
	for (at = (uint64_t)off; at < folder->n_children + 2; at++, used += n) {
		n = put_entry(req, folder, at, plus, (char *)worker_buffer(w) + used, size - used);
		if (n > size - used)
			break;
	}
	fuse_reply_buf(req, worker_buffer(w), used);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	(void)fi;
	read_folder(req, ino, size, off, false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			   struct fuse_file_info *fi)
{
	(void)fi;
	read_folder(req, ino, size, off, true);
}

/* Full, like every medium that nothing can be added to. */
static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct mount_ops *m = fuse_req_userdata(req);
	struct statvfs st = { .f_bsize = 4096, .f_frsize = 4096, .f_namemax = 255 };

	(void)ino;
	st.f_blocks = (fsblkcnt_t)((tree_bytes(m->tree) + 4095) / 4096);
	st.f_files = tree_n_nodes(m->tree);
	fuse_reply_statfs(req, &st);
}

const struct fuse_lowlevel_ops mount_fuse_ops = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.readlink = op_readlink,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.statfs = op_statfs,
	.open = mount_op_open,
	.release = mount_op_release,
	.read = mount_op_read,
	.write = mount_op_write,
	.fsync = mount_op_fsync,
	.fallocate = mount_op_fallocate,
	.lseek = mount_op_lseek,
	.ioctl = mount_op_ioctl,
};
