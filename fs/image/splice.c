/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/splice.h"
#include "crypto/bytes.h"

#include <errno.h>

struct splice {
	struct blockdev bd;
	size_t n;
	struct splice_piece piece[];	/* sorted */
};

/* The device that shows `off`: its own offset in *at, bytes up to the next
 * change in *run. */
static struct blockdev *device_at(const struct splice *s, uint64_t off, uint64_t *at, uint64_t *run)
{
	size_t lo = 0, hi = s->n;
	const struct splice_piece *p;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->piece[mid].off <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	p = lo ? &s->piece[lo - 1] : NULL;
	if (p && off - p->off < p->dev->size) {
		*at = off - p->off;
		*run = p->dev->size - *at;
		return p->dev;
	}
	*at = off;
	*run = (lo < s->n ? s->piece[lo].off : s->bd.size) - off;
	return s->bd.lower;
}

static int splice_pread(struct blockdev *bd, void *buf, size_t len, uint64_t off)
{
	char *p = buf;

	while (len) {
		uint64_t at, run;
		struct blockdev *dev = device_at((const struct splice *)bd, off, &at, &run);
		size_t n = run < len ? (size_t)run : len;
		int rc = blockdev_pread(dev, p, n, at);

		if (rc < 0)
			return rc;
		p += n;
		off += n;
		len -= n;
	}
	return 0;
}

static int splice_extents(struct blockdev *bd, uint64_t off, uint64_t len, extent_fn *fn, void *arg)
{
	while (len) {
		uint64_t at, run;
		struct blockdev *dev = device_at((const struct splice *)bd, off, &at, &run);
		uint64_t n = run < len ? run : len;
		int rc = blockdev_extents_as(dev, at, n, off, fn, arg);

		if (rc)
			return rc;
		off += n;
		len -= n;
	}
	return 0;
}

static void splice_prefetch(struct blockdev *bd, uint64_t off, uint64_t len)
{
	while (len) {
		uint64_t at, run;
		struct blockdev *dev = device_at((const struct splice *)bd, off, &at, &run);
		uint64_t n = run < len ? run : len;

		blockdev_prefetch(dev, at, n);
		off += n;
		len -= n;
	}
}

static void splice_free(struct blockdev *bd)
{
	struct splice *s = (struct splice *)bd;

	for (size_t i = 0; i < s->n; i++)
		blockdev_unref(s->piece[i].dev);
	free(s);
}

static const struct blockdev_ops splice_ops = {
	.name = "splice", .pread = splice_pread, .extents = splice_extents,
	.prefetch = splice_prefetch, .free = splice_free,
};

static int by_offset(const void *a, const void *b)
{
	const struct splice_piece *x = a, *y = b;

	return x->off < y->off ? -1 : x->off > y->off;
}

static bool pieces_fit(const struct splice *s, uint64_t size)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct splice_piece *p = &s->piece[i];
		uint64_t limit = i + 1 < s->n ? s->piece[i + 1].off : size;

		if (!range_fits(p->off, p->dev->size, limit))
			return false;
	}
	return true;
}

struct blockdev *splice_open(struct blockdev *lower, const struct splice_piece *pieces,
			     size_t n_pieces, struct error *err)
{
	struct splice *s = calloc(1, sizeof(*s) + n_pieces * sizeof(*pieces));
	bool whole = lower != NULL;

	for (size_t i = 0; i < n_pieces; i++)
		whole = whole && pieces[i].dev;
	if (s && whole) {
		memcpy(s->piece, pieces, n_pieces * sizeof(*pieces));
		s->n = n_pieces;
		qsort(s->piece, s->n, sizeof(*s->piece), by_offset);
		if (pieces_fit(s, lower->size)) {
			blockdev_init(&s->bd, &splice_ops, lower, lower->size);
			return &s->bd;
		}
		error_set(err, EINVAL, "pieces overlap or lie outside the disk");
	} else if (!s) {
		error_set(err, ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < n_pieces; i++)
		blockdev_unref(pieces[i].dev);
	blockdev_unref(lower);
	free(s);
	return NULL;
}
