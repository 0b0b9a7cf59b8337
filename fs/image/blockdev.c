/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/blockdev.h"
#include "crypto/bytes.h"

#include <errno.h>

void blockdev_init(struct blockdev *bd, const struct blockdev_ops *ops,
		   struct blockdev *lower, uint64_t size)
{
	bd->ops = ops;
	bd->lower = lower;
	bd->size = size;
	bd->align = lower ? lower->align : 512;
	bd->writable = false;
	bd->far = lower && lower->far;
	atomic_init(&bd->refs, 1);
}

struct blockdev *blockdev_ref(struct blockdev *bd)
{
	atomic_fetch_add_explicit(&bd->refs, 1, memory_order_relaxed);
	return bd;
}

void blockdev_unref(struct blockdev *bd)
{
	while (bd) {
		struct blockdev *lower = bd->lower;

		if (atomic_fetch_sub_explicit(&bd->refs, 1, memory_order_acq_rel) != 1)
			return;
		if (bd->ops->free)
			bd->ops->free(bd);
		else
			free(bd);
		bd = lower;
	}
}

int blockdev_pread(struct blockdev *bd, void *buf, size_t len, uint64_t off)
{
	if (!range_fits(off, len, bd->size))
		return -EINVAL;
	return len ? bd->ops->pread(bd, buf, len, off) : 0;
}

int blockdev_pwrite(struct blockdev *bd, const void *buf, size_t len, uint64_t off)
{
	if (!bd->writable || !bd->ops->pwrite)
		return -EROFS;
	if (!range_fits(off, len, bd->size))
		return -EINVAL;
	return len ? bd->ops->pwrite(bd, buf, len, off) : 0;
}

int blockdev_discard(struct blockdev *bd, uint64_t off, uint64_t len)
{
	if (!bd->writable)
		return -EROFS;
	if (!bd->ops->discard)
		return -EOPNOTSUPP;
	if (!range_fits(off, len, bd->size))
		return -EINVAL;
	return len ? bd->ops->discard(bd, off, len) : 0;
}

int blockdev_flush(struct blockdev *bd)
{
	return bd->writable && bd->ops->flush ? bd->ops->flush(bd) : 0;
}

int blockdev_extents(struct blockdev *bd, uint64_t off, uint64_t len, extent_fn *fn, void *arg)
{
	if (!range_fits(off, len, bd->size))
		return -EINVAL;
	if (!len)
		return 0;
	return bd->ops->extents ? bd->ops->extents(bd, off, len, fn, arg)
				: fn(arg, off, len, EXTENT_DATA);
}

struct moved { extent_fn *fn; void *arg; uint64_t from, as; };

static int move(void *arg, uint64_t off, uint64_t len, enum extent_type type)
{
	const struct moved *m = arg;

	return m->fn(m->arg, off - m->from + m->as, len, type);
}

int blockdev_extents_as(struct blockdev *bd, uint64_t off, uint64_t len, uint64_t as, extent_fn *fn, void *arg)
{
	struct moved m = { fn, arg, off, as };

	return blockdev_extents(bd, off, len, move, &m);
}

void blockdev_prefetch(struct blockdev *bd, uint64_t off, uint64_t len)
{
	if (bd->ops->prefetch && range_fits(off, len, bd->size) && len)
		bd->ops->prefetch(bd, off, len);
}

int blockdev_warm(struct blockdev *bd, uint64_t off, uint64_t len, bool count, uint64_t *bytes)
{
	*bytes = 0;
	if (!range_fits(off, len, bd->size))
		return -EINVAL;
	if (!bd->ops->warm)
		return -ENOTSUP;
	return len ? bd->ops->warm(bd, off, len, count, bytes) : 0;
}
