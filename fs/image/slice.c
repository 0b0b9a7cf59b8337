/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/slice.h"
#include "crypto/bytes.h"

#include <errno.h>

struct slice {
	struct blockdev bd;
	uint64_t off;
};

static uint64_t below(const struct blockdev *bd, uint64_t off)
{
	return ((const struct slice *)bd)->off + off;
}

static int slice_pread(struct blockdev *bd, void *buf, size_t len, uint64_t off)
{
	return blockdev_pread(bd->lower, buf, len, below(bd, off));
}

static int slice_pwrite(struct blockdev *bd, const void *buf, size_t len, uint64_t off)
{
	return blockdev_pwrite(bd->lower, buf, len, below(bd, off));
}

static int slice_discard(struct blockdev *bd, uint64_t off, uint64_t len)
{
	return blockdev_discard(bd->lower, below(bd, off), len);
}

static int slice_flush(struct blockdev *bd)
{
	return blockdev_flush(bd->lower);
}

static int slice_extents(struct blockdev *bd, uint64_t off, uint64_t len, extent_fn *fn, void *arg)
{
	return blockdev_extents_as(bd->lower, below(bd, off), len, off, fn, arg);
}

static void slice_prefetch(struct blockdev *bd, uint64_t off, uint64_t len)
{
	blockdev_prefetch(bd->lower, below(bd, off), len);
}

static int slice_warm(struct blockdev *bd, uint64_t off, uint64_t len, bool count, uint64_t *bytes)
{
	return blockdev_warm(bd->lower, below(bd, off), len, count, bytes);
}

static const struct blockdev_ops slice_ops = {
	.name = "slice", .pread = slice_pread, .pwrite = slice_pwrite, .discard = slice_discard,
	.flush = slice_flush, .extents = slice_extents, .prefetch = slice_prefetch, .warm = slice_warm,
};

struct blockdev *slice_open(struct blockdev *lower, uint64_t off, uint64_t len, struct error *err)
{
	AUTO(blockdev_unref) struct blockdev *low = lower;
	struct slice *s;

	if (!low)
		return NULL;
	if (!range_fits(off, len, low->size))
		return error_null(err, EINVAL, "the range %llu+%llu lies outside the device of %llu bytes",
				  (unsigned long long)off, (unsigned long long)len,
				  (unsigned long long)low->size);
	s = calloc(1, sizeof(*s));
	if (!s)
		return error_null(err, ENOMEM, "out of memory");
	s->off = off;
	blockdev_init(&s->bd, &slice_ops, low, len);
	s->bd.writable = low->writable;
	low = NULL;
	return &s->bd;
}
