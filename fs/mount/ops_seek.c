/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/mount/hydrate.h"
#include "fs/mount/ops_io.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct seek {
	enum extent_type want;
	uint64_t found;
};

static int seek_extent(void *arg, uint64_t off, uint64_t len, enum extent_type type)
{
	struct seek *s = arg;

	(void)len;
	if (type != s->want)
		return 0;
	s->found = off;
	return 1;
}

/* Where data or a hole begins at or after off; 0 or -errno. */
static int seek_in(struct handle *h, struct node *n, off_t off, int whence, uint64_t *to)
{
	struct seek s = { .want = whence == SEEK_DATA ? EXTENT_DATA : EXTENT_HOLE };
	int rc;

	if (off < 0 || (uint64_t)off >= n->size)
		return -ENXIO;
	s.found = n->size;
	if (h && h->bd) {
		AUTO(blockdev_unref) struct blockdev *bd = blockdev_ref(h->bd);

		rc = blockdev_extents(bd, (uint64_t)off, n->size - (uint64_t)off,
				      seek_extent, &s);
		if (rc < 0)
			return -errno_shown(rc);
	} else if (whence == SEEK_DATA) {
		s.found = (uint64_t)off;
	}
	if (whence == SEEK_DATA && s.found == n->size)
		return -ENXIO;
	*to = s.found;
	return 0;
}

void mount_op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
		    struct fuse_file_info *fi)
{
	struct node *n = request_node(req, ino);
	struct worker *w = request_worker(req);
	uint64_t to = 0;
	int rc;

	if (!n || !w || (whence != SEEK_DATA && whence != SEEK_HOLE)) {
		fuse_reply_err(req, !n ? ESTALE : !w ? ENOMEM : EINVAL);
		return;
	}
	/* Pages of a map may have to be fetched. */
	worker_take_off(w, req);
	rc = seek_in(handle_of(fi), n, off, whence, &to);
	if (!worker_land(w))
		return;
	if (rc)
		fuse_reply_err(req, -rc);
	else
		fuse_reply_lseek(req, (off_t)to);
}

/* One step of hydrate, counted. */
static int warm(struct hydrate_range *r, struct blockdev *bd, bool only_count, struct mount_ops *m, struct worker *w,
		bool *landed)
{
	struct tree_reads *count = tree_reads(m->tree);
	int rc = -EINVAL;

	atomic_fetch_add(&count->warm_now, !only_count);
	if (r->len <= HYDRATE_STEP_MAX)
		rc = blockdev_warm(bd, r->off, r->len, only_count, &r->bytes);
	*landed = worker_land(w);
	atomic_fetch_sub(&count->warm_now, !only_count);
	if (only_count)
		return rc;
	atomic_fetch_add(&count->warmed, 1);
	atomic_fetch_add(&count->warmed_bytes, rc < 0 ? 0 : r->bytes);
	atomic_fetch_add(&count->warm_errors, rc < 0 || !*landed);
	return rc;
}

/* Under the deadline like a read, but it takes no reader's place. */
void mount_op_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned cmd, void *arg, struct fuse_file_info *fi,
		    unsigned flags, const void *in_buf, size_t in_size, size_t out_size)
{
	struct handle *h = handle_of(fi);
	struct worker *w = request_worker(req);
	AUTO(blockdev_unref) struct blockdev *bd = NULL;
	struct hydrate_range r;
	bool landed;
	int rc;

	(void)ino, (void)arg, (void)flags;
	if ((cmd != HYDRATE_IOC_COUNT && cmd != HYDRATE_IOC_HYDRATE) || !h || !h->bd || !w || in_size != sizeof(r) ||
	    out_size < sizeof(r)) {
		fuse_reply_err(req, ENOTTY);
		return;
	}
	memcpy(&r, in_buf, sizeof(r));
	bd = blockdev_ref(h->bd);
	worker_take_off(w, req);
	rc = warm(&r, bd, cmd == HYDRATE_IOC_COUNT, fuse_req_userdata(req), w, &landed);
	if (!landed)
		return;
	if (rc < 0)
		fuse_reply_err(req, rc == -EINVAL ? EINVAL : errno_shown(rc));
	else
		fuse_reply_ioctl(req, 0, &r, sizeof(r));
}
