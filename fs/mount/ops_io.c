/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/mount/ops_io.h"
#include "crypto/bytes.h"
#include "fs/util/log.h"

#include <errno.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <string.h>

static void handle_list(struct mount_ops *m, struct handle *h)
{
	pthread_mutex_lock(&m->lock);
	h->next = m->handles;
	h->link = &m->handles;
	if (h->next)
		h->next->link = &h->next;
	m->handles = h;
	pthread_mutex_unlock(&m->lock);
}

static void handle_close(struct mount_ops *m, struct handle *h)
{
	pthread_mutex_lock(&m->lock);
	*h->link = h->next;
	if (h->next)
		h->next->link = h->link;
	pthread_mutex_unlock(&m->lock);
	if (h->bd)
		node_close(h->node, h->bd);
	readahead_release(&h->ahead);
	free(h->text);
	free(h);
}

void mount_ops_init(struct mount_ops *m, struct tree *tree)
{
	*m = (struct mount_ops){ .tree = tree };
	pthread_mutex_init(&m->lock, NULL);
	readahead_share_init(&m->ahead);
}

void mount_ops_finish(struct mount_ops *m)
{
	while (m->handles)
		handle_close(m, m->handles);
	readahead_share_release(&m->ahead);
	pthread_mutex_destroy(&m->lock);
}

struct node *request_node(fuse_req_t req, fuse_ino_t ino)
{
	struct mount_ops *m = fuse_req_userdata(req);

	return tree_node(m->tree, ino);
}

struct worker *request_worker(fuse_req_t req)
{
	struct mount_ops *m = fuse_req_userdata(req);

	return flights_worker(m->flights);
}

int errno_shown(int rc)
{
	switch (-rc) {
	case ENOKEY:
	case EKEYREJECTED:
	case EACCES:
	case EPERM:
		return EACCES;
	case EINTR:
	case ENOMEM:
	case EMFILE:
	case ENFILE:
	case ENOENT:
	case EROFS:
	case ENOSPC:
	case ESTALE:
		return -rc;
	case ENOTSUP:
		return EOPNOTSUPP;
	default:
		return EIO;
	}
}

/* Nobody but the log can be told why an open failed. */
static void log_refusal(const struct node *n, const struct error *err)
{
	char line[1600];

	log_error("%s: %s", n->name, error_line(err, line, sizeof(line)));
}

int request_fill(fuse_req_t req, struct node *folder)
{
	struct error err = ERROR_INIT;
	struct worker *w;
	int rc;

	if (!folder)
		return -ESTALE;
	if (folder->kind != NODE_FOLDER)
		return -ENOTDIR;
	if (atomic_load_explicit(&folder->filled, memory_order_acquire))
		return 0;
	w = request_worker(req);
	if (!w)
		return -ENOMEM;
	worker_take_off(w, req);
	rc = node_fill(folder, &err);
	if (rc)
		log_refusal(folder, &err);
	if (!worker_land(w))
		return REQUEST_ANSWERED;
	return rc ? -errno_shown(rc) : 0;
}

/* 0, -errno, or REQUEST_ANSWERED. */
static int open_image(fuse_req_t req, struct node *n, struct handle **out)
{
	AUTO(free) struct handle *h = calloc(1, sizeof(*h));
	struct worker *w = request_worker(req);
	struct error err = ERROR_INIT;
	int rc;

	if (!h || !w)
		return -ENOMEM;
	h->node = n;
	worker_take_off(w, req);
	rc = node_open(n, &h->bd, &err);
	if (rc)
		log_refusal(n, &err);
	if (!worker_land(w)) {
		if (!rc)
			node_close(n, h->bd);
		return REQUEST_ANSWERED;
	}
	if (rc)
		return -errno_shown(rc);
	readahead_init(&h->ahead, &((struct mount_ops *)fuse_req_userdata(req))->ahead);
	handle_list(fuse_req_userdata(req), h);
	*out = TAKE(h);
	return 0;
}

/* 0 or -errno.  Takes a moment at most: nothing is fetched for it. */
static int open_live(fuse_req_t req, struct node *n, struct handle **out)
{
	struct handle *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->node = n;
	h->text = n->ops->text(n, &h->text_len);
	readahead_init(&h->ahead, NULL);
	handle_list(fuse_req_userdata(req), h);
	*out = h;
	return 0;
}

void mount_op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount_ops *m = fuse_req_userdata(req);
	struct node *n = request_node(req, ino);
	struct handle *h = NULL;
	int rc = 0;

	if (!n)
		rc = -ESTALE;
	else if ((fi->flags & O_ACCMODE) != O_RDONLY && !n->writable)
		rc = -EROFS;
	else if (n->kind == NODE_IMAGE)
		rc = open_image(req, n, &h);
	else if (n->kind == NODE_LIVE)
		rc = open_live(req, n, &h);
	if (rc == REQUEST_ANSWERED)
		return;
	if (rc) {
		fuse_reply_err(req, -rc);
		return;
	}
	fi->fh = (uintptr_t)h;
	fi->keep_cache = !n->writable && n->kind != NODE_LIVE;
	fi->direct_io = n->kind == NODE_LIVE;	/* its size is not told */
	fi->noflush = !n->writable;
	if (fuse_reply_open(req, fi) == -ENOENT && h)	/* the caller was interrupted */
		handle_close(m, h);
}

void mount_op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct handle *h = handle_of(fi);

	(void)ino;
	if (h)
		handle_close(fuse_req_userdata(req), h);
	fuse_reply_err(req, 0);
}

/* How much of [off, off + size) there is. */
static size_t clamp(const struct node *n, size_t size, off_t off)
{
	uint64_t left;

	if (off < 0 || (uint64_t)off >= n->size)
		return 0;
	left = n->size - (uint64_t)off;
	if (size > WORKER_BUFFER)
		size = WORKER_BUFFER;
	return size < left ? size : (size_t)left;
}

/* What is behind the read: never waits, and what the read itself needs goes first in every queue. */
static void read_ahead(struct handle *h, size_t size, off_t off)
{
	uint64_t from, to;

	if (!h->bd->far)
		return;
	readahead_note(&h->ahead, (uint64_t)off, size, h->bd->size, &from, &to);
	if (to > from)
		blockdev_prefetch(h->bd, from, to - from);
}

/* A read that found all places taken. */
struct later {
	struct parked parked;
	struct blockdev *bd;		/* a reference */
	size_t size;
	uint64_t off;
	struct tree_reads *count;
};

static void later_free(struct parked *p)
{
	struct later *l = (struct later *)p;

	blockdev_unref(l->bd);
	free(l);
}

/* Its deadline passed, or the mount ends. */
static void later_drop(struct parked *p)
{
	struct tree_reads *count = ((struct later *)p)->count;

	atomic_fetch_add_explicit(&count->reads, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&count->errors, 1, memory_order_relaxed);
	later_free(p);
}

/* parked: what it was, or NULL: it is new. */
static void read_now(fuse_req_t req, struct blockdev *bd, size_t size, uint64_t off, const struct parked *parked)
{
	struct mount_ops *m = fuse_req_userdata(req);
	struct tree_reads *count = tree_reads(m->tree);
	struct worker *w = request_worker(req);
	bool landed, bad;
	int rc;

	if (!w) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	if (parked)
		worker_take_off_parked(w, parked);
	else
		worker_take_off(w, req);
	atomic_fetch_add_explicit(&count->reads, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&count->now, 1, memory_order_relaxed);
	rc = blockdev_pread(bd, worker_buffer(w), size, off);
	landed = worker_land(w);
	atomic_fetch_sub_explicit(&count->now, 1, memory_order_relaxed);
	/* What its deadline ended got EIO, whatever came of it later. */
	bad = rc || !landed;
	atomic_fetch_add_explicit(bad ? &count->errors : &count->bytes, bad ? 1 : size, memory_order_relaxed);
	if (!landed)
		return;
	if (rc)
		fuse_reply_err(req, errno_shown(rc));
	else
		fuse_reply_buf(req, worker_buffer(w), size);
}

static void later_run(struct parked *p)
{
	struct later *l = (struct later *)p;

	read_now(p->req, l->bd, l->size, l->off, p);
	later_free(p);
}

/* False: it was parked, or refused; either way `req` is not ours any more. */
static bool take_turn(fuse_req_t req, struct handle *h, size_t size, uint64_t off)
{
	struct mount_ops *m = fuse_req_userdata(req);
	struct later *l;

	if (flights_try(m->flights))
		return true;
	l = malloc(sizeof(*l));
	if (!l) {
		fuse_reply_err(req, ENOMEM);
		return false;
	}
	*l = (struct later){ { .req = req, .run = later_run, .drop = later_drop }, blockdev_ref(h->bd), size, off,
			     tree_reads(m->tree) };
	if (!flights_enter(m->flights, &l->parked))
		return false;
	later_free(&l->parked);
	return true;
}

static void read_image(fuse_req_t req, struct handle *h, size_t size, off_t off)
{
	struct mount_ops *m = fuse_req_userdata(req);
	struct blockdev *bd = blockdev_ref(h->bd);	/* the kernel may release the handle once the watchdog has answered */
	struct parked *next;

	read_ahead(h, size, off);
	if (take_turn(req, h, size, (uint64_t)off)) {
		read_now(req, bd, size, (uint64_t)off, NULL);
		while ((next = flights_leave(m->flights)))
			next->run(next);
	}
	blockdev_unref(bd);
}

static void read_live(fuse_req_t req, const struct handle *h, size_t size, off_t off)
{
	if (!h->text)
		fuse_reply_err(req, ENOMEM);
	else if ((uint64_t)off >= h->text_len)
		fuse_reply_buf(req, NULL, 0);
	else
		fuse_reply_buf(req, h->text + off, h->text_len - (size_t)off < size ? h->text_len - (size_t)off : size);
}

void mount_op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		   struct fuse_file_info *fi)
{
	struct node *n = request_node(req, ino);
	struct handle *h = handle_of(fi);

	if (n && n->kind == NODE_LIVE) {
		read_live(req, h, size, off);
		return;
	}
	size = n ? clamp(n, size, off) : 0;
	if (!size)
		fuse_reply_buf(req, NULL, 0);
	else if (h)
		read_image(req, h, size, off);
	else
		fuse_reply_buf(req, n->text + off, size);
}

/* Under the deadline, too: a part of a block may have to be read from below. */
static void write_image(fuse_req_t req, struct handle *h, const char *buf, size_t size, off_t off)
{
	struct worker *w = request_worker(req);
	struct blockdev *bd;
	int rc;

	if (!w) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	bd = blockdev_ref(h->bd);
	worker_take_off(w, req);
	rc = blockdev_pwrite(bd, buf, size, (uint64_t)off);
	if (worker_land(w)) {
		if (rc)
			fuse_reply_err(req, errno_shown(rc));
		else
			fuse_reply_write(req, size);
	}
	blockdev_unref(bd);
}

void mount_op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	struct handle *h = handle_of(fi);

	(void)ino;
	if (!h || !h->bd || !h->node->writable) {
		fuse_reply_err(req, EROFS);
		return;
	}
	if (off < 0 || !range_fits((uint64_t)off, size, h->node->size)) {
		fuse_reply_err(req, EFBIG);
		return;
	}
	write_image(req, h, buf, size, off);
}

void mount_op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct handle *h = handle_of(fi);
	int rc = h && h->bd ? blockdev_flush(h->bd) : 0;

	(void)ino;
	(void)datasync;
	fuse_reply_err(req, rc ? errno_shown(rc) : 0);
}

/* Only what leaves the size alone. */
void mount_op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
			struct fuse_file_info *fi)
{
	struct handle *h = handle_of(fi);
	int rc;

	(void)ino;
	if (!h || !h->bd || !h->node->writable) {
		fuse_reply_err(req, EROFS);
		return;
	}
	if (off < 0 || len <= 0 || !range_fits((uint64_t)off, (uint64_t)len, h->node->size)) {
		fuse_reply_err(req, EFBIG);
		return;
	}
	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) {
		fuse_reply_err(req, EOPNOTSUPP);
		return;
	}
	rc = 0;
	if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		rc = blockdev_discard(h->bd, (uint64_t)off, (uint64_t)len);
	fuse_reply_err(req, rc ? errno_shown(rc) : 0);
}
