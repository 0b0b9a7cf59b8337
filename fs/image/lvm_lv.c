/* SPDX-License-Identifier: Apache-2.0 */
/* A linear logical volume: ranges of the physical one, end to end. */
#include "fs/image/lvm.h"
#include "crypto/bytes.h"

#include <errno.h>

struct range { uint64_t off, len, below; };	/* bytes */

struct linear {
	struct blockdev bd;
	size_t n;
	struct range range[];	/* sorted, without gaps */
};

/* The byte of the device below, and how many follow it there. */
static uint64_t below(const struct blockdev *bd, uint64_t off, uint64_t len, uint64_t *run)
{
	const struct linear *l = (const struct linear *)bd;
	size_t lo = 0, hi = l->n;
	uint64_t in;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (l->range[mid].off <= off)
			lo = mid;
		else
			hi = mid;
	}
	in = off - l->range[lo].off;
	*run = l->range[lo].len - in < len ? l->range[lo].len - in : len;
	return l->range[lo].below + in;
}

static int linear_pread(struct blockdev *bd, void *buf, size_t len, uint64_t off)
{
	char *p = buf;

	while (len) {
		uint64_t run, at = below(bd, off, len, &run);
		int rc = blockdev_pread(bd->lower, p, (size_t)run, at);

		if (rc < 0)
			return rc;
		p += run;
		off += run;
		len -= (size_t)run;
	}
	return 0;
}

static int linear_extents(struct blockdev *bd, uint64_t off, uint64_t len, extent_fn *fn, void *arg)
{
	while (len) {
		uint64_t run, at = below(bd, off, len, &run);
		int rc = blockdev_extents_as(bd->lower, at, run, off, fn, arg);

		if (rc)
			return rc;
		off += run;
		len -= run;
	}
	return 0;
}

static void linear_prefetch(struct blockdev *bd, uint64_t off, uint64_t len)
{
	while (len) {
		uint64_t run, at = below(bd, off, len, &run);

		blockdev_prefetch(bd->lower, at, run);
		off += run;
		len -= run;
	}
}

static const struct blockdev_ops linear_ops = {
	.name = "lvm", .pread = linear_pread, .extents = linear_extents, .prefetch = linear_prefetch,
};

static bool fill(struct linear *to, const struct lvm *l, const struct lvm_lv *lv, uint64_t pv_size)
{
	uint64_t at = 0;

	for (size_t i = 0; i < lv->n_segments; i++) {
		struct range *r = &to->range[to->n++];

		r->off = at;
		r->below = lv->segment[i].pv_off;
		if (!mul_u64(lv->segment[i].count, l->extent_size, &r->len) || !r->len ||
		    !range_fits(r->below, r->len, pv_size) || !add_u64(at, r->len, &at))
			return false;
	}
	return at == lv->size;
}

struct blockdev *lvm_lv_open(struct blockdev *pv, const struct lvm *l, const struct lvm_lv *lv,
			     struct error *err)
{
	AUTO(blockdev_unref) struct blockdev *low = pv;
	struct linear *to;

	if (!low)
		return NULL;
	if (lv->reason[0] || !lv->n_segments)
		return error_null(err, ENOTSUP, "logical volume %s: %s", lv->name,
				  lv->reason[0] ? lv->reason : "it is empty");
	to = calloc(1, sizeof(*to) + lv->n_segments * sizeof(*to->range));
	if (!to)
		return error_null(err, ENOMEM, "out of memory");
	if (!fill(to, l, lv, low->size)) {
		free(to);
		return error_null(err, EINVAL, "logical volume %s does not fit its physical volume", lv->name);
	}
	blockdev_init(&to->bd, &linear_ops, TAKE(low), lv->size);
	return &to->bd;
}
