/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/overlay_private.h"
#include "crypto/bytes.h"
#include "fs/util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/uio.h>

#define BLOCK OVERLAY_BLOCK
#define MANY_BYTES (4ull << 20)		/* a discard that takes all stripes */

static uint64_t n_blocks(uint64_t size)
{
	return (size - 1) / BLOCK + 1;
}

/* Blocks that [off, off + len) touches. */
static uint64_t touched(uint64_t off, uint64_t len)
{
	return (off + len - 1) / BLOCK - off / BLOCK + 1;
}

int overlay_read_file(const struct overlay *o, void *buf, size_t len, uint64_t off)
{
	char *p = buf;

	while (len) {
		ssize_t n = pread(o->file->fd, p, len, (off_t)(o->at.data_off + off));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;	/* 0: cut short by somebody else */
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/* All of iov at off of the disk; iov is used up. */
static int write_file(const struct overlay *o, struct iovec *iov, int n, uint64_t off)
{
	off_t at = (off_t)(o->at.data_off + off);

	while (n) {
		ssize_t done = pwritev(o->file->fd, iov, n, at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		at += done;
		while (n && (size_t)done >= iov->iov_len) {
			done -= (ssize_t)iov->iov_len;
			iov++;
			n--;
		}
		if (n) {
			iov->iov_base = (char *)iov->iov_base + done;
			iov->iov_len -= (size_t)done;
		}
	}
	return 0;
}

/* The bytes up to the next change of state, at most len; its state. */
static enum overlay_state segment(const struct overlay *o, uint64_t off, uint64_t len, uint64_t *n)
{
	enum overlay_state state;
	uint64_t run;

	state = overlay_map_run(o->map, off / BLOCK, touched(off, len), &run);
	*n = run * BLOCK - off % BLOCK;
	if (*n > len)
		*n = len;
	return state;
}

static int overlay_pread(struct blockdev *bd, void *buf, size_t len, uint64_t off)
{
	const struct overlay *o = (const struct overlay *)bd;
	char *p = buf;
	int rc = 0;

	while (len && !rc) {
		uint64_t n;
		enum overlay_state state = segment(o, off, len, &n);

		if (state == OVERLAY_BASE)
			rc = blockdev_pread(bd->lower, p, (size_t)n, off);
		else if (state == OVERLAY_DATA)
			rc = overlay_read_file(o, p, (size_t)n, off);
		else
			memset(p, 0, (size_t)n);
		p += n;
		off += n;
		len -= (size_t)n;
	}
	return rc;
}

/* All of one block as it reads now; *len: the last block of a disk is short. */
static int read_block(struct overlay *o, uint64_t block, uint8_t *buf, size_t *len)
{
	uint64_t off = block * BLOCK;

	*len = o->bd.size - off < BLOCK ? (size_t)(o->bd.size - off) : BLOCK;
	return overlay_pread(&o->bd, buf, *len, off);
}

/* Does a write of [off, end) leave bytes of a block that the file lacks? */
static bool needs_rest(const struct overlay *o, uint64_t block, uint64_t off, uint64_t end)
{
	uint64_t first = block * BLOCK, last = first + BLOCK, run;

	if (last > o->bd.size)
		last = o->bd.size;
	if (off <= first && end >= last)
		return false;
	return overlay_map_run(o->map, block, 1, &run) != OVERLAY_DATA;
}

/* Within one group, whose stripe is held. */
static int write_group(struct overlay *o, const uint8_t *buf, size_t len, uint64_t off)
{
	uint64_t first = off / BLOCK, last = (off + len - 1) / BLOCK, end = off + len, start = off;
	uint8_t head[BLOCK], tail[BLOCK];
	struct iovec iov[3];
	size_t n, part;
	int used = 0, rc = 0;

	if (needs_rest(o, first, off, end)) {
		rc = read_block(o, first, head, &n);
		part = n - off % BLOCK < len ? n - (size_t)(off % BLOCK) : len;
		memcpy(head + off % BLOCK, buf, part);
		iov[used++] = (struct iovec){ head, n };
		start = first * BLOCK;
		buf += part;
		len -= part;
	}
	if (!rc && len && needs_rest(o, last, last == first ? off : last * BLOCK, end)) {
		rc = read_block(o, last, tail, &n);
		part = (size_t)(end - last * BLOCK);
		memcpy(tail, buf + len - part, part);
		len -= part;
		if (len)
			iov[used++] = (struct iovec){ (void *)(uintptr_t)buf, len };
		iov[used++] = (struct iovec){ tail, n };
	} else if (len) {
		iov[used++] = (struct iovec){ (void *)(uintptr_t)buf, len };
	}
	if (!rc)
		rc = write_file(o, iov, used, start);
	return rc ? rc : overlay_map_set(o->map, first, last - first + 1, OVERLAY_DATA);
}

static int write_held(struct overlay *o, const uint8_t *buf, size_t len, uint64_t off)
{
	struct iovec all = { (void *)(uintptr_t)buf, len };
	uint64_t n;
	int rc;

	if (segment(o, off, len, &n) == OVERLAY_DATA && n == len)
		rc = write_file(o, &all, 1, off);
	else
		rc = write_group(o, buf, len, off);
	overlay_recent_note(&o->recent, off / BLOCK, touched(off, len));
	return rc;
}

static int overlay_pwrite(struct blockdev *bd, const void *buf, size_t len, uint64_t off)
{
	struct overlay *o = (struct overlay *)bd;
	const uint8_t *p = buf;
	uint64_t n;
	int rc = 0;

	if (atomic_load(&o->broken))
		return -EIO;
	while (len && !rc) {
		pthread_mutex_t *stripe = overlay_stripe(o, off);

		n = OVERLAY_GROUP_BYTES - off % OVERLAY_GROUP_BYTES;
		if (n > len)
			n = len;
		pthread_mutex_lock(stripe);
		rc = write_held(o, p, (size_t)n, off);
		pthread_mutex_unlock(stripe);
		p += n;
		off += n;
		len -= (size_t)n;
	}
	return rc;
}

/* Whole blocks, whose stripes are held.  A file system that cannot punch
 * holes keeps the space and nothing else. */
static int discard_held(struct overlay *o, uint64_t off, uint64_t len)
{
	int rc = overlay_map_set(o->map, off / BLOCK, len / BLOCK, OVERLAY_ZERO);

	if (!rc && fallocate(o->file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			     (off_t)(o->at.data_off + off), (off_t)len) < 0 && errno != EOPNOTSUPP &&
	    errno != EINTR)
		rc = -errno;
	overlay_recent_note(&o->recent, off / BLOCK, n_blocks(len));
	return rc;
}

static int discard_many(struct overlay *o, uint64_t off, uint64_t len)
{
	int rc;

	for (unsigned i = 0; i < OVERLAY_STRIPES; i++)
		pthread_mutex_lock(&o->stripe[i]);
	rc = discard_held(o, off, len);
	for (unsigned i = 0; i < OVERLAY_STRIPES; i++)
		pthread_mutex_unlock(&o->stripe[i]);
	return rc;
}

static int discard_blocks(struct overlay *o, uint64_t off, uint64_t len)
{
	int rc = 0;

	if (len >= MANY_BYTES)
		return discard_many(o, off, len);
	while (len && !rc) {
		pthread_mutex_t *stripe = overlay_stripe(o, off);
		uint64_t n = OVERLAY_GROUP_BYTES - off % OVERLAY_GROUP_BYTES;

		if (n > len)
			n = len;
		pthread_mutex_lock(stripe);
		rc = discard_held(o, off, n);
		pthread_mutex_unlock(stripe);
		off += n;
		len -= n;
	}
	return rc;
}

/* Less than a block at an edge is written as zeros. */
static int zero_edge(struct overlay *o, uint64_t off, uint64_t len)
{
	static const uint8_t zeros[BLOCK];
	uint64_t run;

	if (!len || overlay_map_run(o->map, off / BLOCK, 1, &run) == OVERLAY_ZERO)
		return 0;
	return overlay_pwrite(&o->bd, zeros, (size_t)len, off);
}

static int overlay_discard(struct blockdev *bd, uint64_t off, uint64_t len)
{
	struct overlay *o = (struct overlay *)bd;
	uint64_t end = off + len, first = n_blocks(off + 1) * BLOCK, last = end / BLOCK * BLOCK;
	int rc;

	if (atomic_load(&o->broken))
		return -EIO;
	if (off % BLOCK == 0)
		first = off;
	if (end == bd->size)
		last = n_blocks(end) * BLOCK;	/* a short last block is whole */
	if (first >= last) {			/* within one block, or around a border of two */
		first = first < end ? first : end;
		rc = zero_edge(o, off, first - off);
		return rc ? rc : zero_edge(o, first, end - first);
	}
	rc = zero_edge(o, off, first - off);
	if (!rc)
		rc = discard_blocks(o, first, last - first);
	return rc || end <= last ? rc : zero_edge(o, last, end - last);
}

static int overlay_extents(struct blockdev *bd, uint64_t off, uint64_t len, extent_fn *fn, void *arg)
{
	int rc = 0;

	while (len && !rc) {
		uint64_t n;
		enum overlay_state state = segment((struct overlay *)bd, off, len, &n);

		if (state == OVERLAY_BASE)
			rc = blockdev_extents(bd->lower, off, n, fn, arg);
		else
			rc = fn(arg, off, n, state == OVERLAY_DATA ? EXTENT_DATA : EXTENT_HOLE);
		off += n;
		len -= n;
	}
	return rc;
}

static void overlay_prefetch(struct blockdev *bd, uint64_t off, uint64_t len)
{
	uint64_t n;

	if (segment((struct overlay *)bd, off, len, &n) == OVERLAY_BASE)
		blockdev_prefetch(bd->lower, off, n);
}

static void overlay_release(struct overlay *o)
{
	for (unsigned i = 0; i < OVERLAY_STRIPES; i++)
		pthread_mutex_destroy(&o->stripe[i]);
	pthread_mutex_destroy(&o->flushing);
	overlay_recent_clear(&o->recent);
	overlay_log_free(o->log);
	overlay_map_free(o->map);
	overlay_file_close(o->file);
	free(o);
}

static void overlay_free(struct blockdev *bd)
{
	struct overlay *o = (struct overlay *)bd;
	int rc = bd->writable ? overlay_flush_last(o) : 0;

	if (rc)
		log_error("overlay %s: what was written last is lost: %s", o->file->name, strerror(-rc));
	overlay_release(o);
}

static const struct blockdev_ops overlay_ops = {
	.name = "overlay", .pread = overlay_pread, .pwrite = overlay_pwrite,
	.discard = overlay_discard, .flush = overlay_flush, .extents = overlay_extents,
	.prefetch = overlay_prefetch, .free = overlay_free,
};

/* A file that is only read was settled when it was opened. */
static int load(struct overlay *o, struct error *err)
{
	const struct overlay_file *f = o->file;
	int rc = f->fresh ? 0 : overlay_map_load(o->map, f->fd, o->at.map_off, err);

	if (rc || !o->at.log_len || !f->writable || f->temporary)
		return rc;
	o->log = overlay_log_new(f->fd, &o->at, err);
	if (!o->log)
		return -ENOMEM;
	return f->fresh ? 0 : overlay_log_settle(f->fd, &o->at, o->map, err);
}

static int prepare(struct overlay *o, const struct blockdev *lower, struct error *err)
{
	if (lower->size != o->file->info.size || overlay_layout(&o->file->info, &o->at))
		return error_set(err, EINVAL, "the overlay is for %llu bytes, the disk has %llu",
				 (unsigned long long)o->file->info.size,
				 (unsigned long long)lower->size);
	o->map = overlay_map_new(n_blocks(lower->size), err);
	return o->map ? load(o, err) : -ENOMEM;
}

struct blockdev *overlay_open(struct blockdev *lower, struct overlay_file *file, struct error *err)
{
	AUTO(blockdev_unref) struct blockdev *low = lower;
	AUTO(overlay_file_close) struct overlay_file *f = file;
	struct overlay *o;

	if (!low || !f)
		return NULL;
	o = calloc(1, sizeof(*o));
	if (!o)
		return error_null(err, ENOMEM, "out of memory");
	o->file = TAKE(f);
	for (unsigned i = 0; i < OVERLAY_STRIPES; i++)
		pthread_mutex_init(&o->stripe[i], NULL);
	pthread_mutex_init(&o->flushing, NULL);
	overlay_recent_init(&o->recent);
	if (prepare(o, low, err)) {
		error_object(err, "%s", o->file->name);
		overlay_release(o);
		return NULL;
	}
	blockdev_init(&o->bd, &overlay_ops, TAKE(low), file->info.size);
	o->bd.writable = file->writable;
	return &o->bd;
}

void overlay_count(const struct blockdev *overlay, uint64_t *data, uint64_t *zero)
{
	overlay_map_count(((const struct overlay *)overlay)->map, data, zero);
}
