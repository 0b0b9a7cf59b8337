/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/modeldisk.h"
#include "crypto/bytes.h"

#include <stdlib.h>
#include <string.h>

struct modeldisk *modeldisk_new(size_t size, bool tells_holes)
{
	struct modeldisk *d = calloc(1, sizeof(*d));

	d->tells_holes = tells_holes;
	modeldisk_resize(d, size);
	return d;
}

void modeldisk_free(struct modeldisk *d)
{
	free(d->bytes);
	free(d);
}

void modeldisk_resize(struct modeldisk *d, size_t size)
{
	d->bytes = realloc(d->bytes, size);
	if (size > d->size)
		memset(d->bytes + d->size, 0, size - d->size);
	d->size = size;
}

static void fill_text(struct test_random *r, uint8_t *p, size_t len)
{
	static const char words[] = "the quick brown fox jumps over the lazy dog and runs away from it ";

	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)words[(i + test_random_below(r, 20) / 19) % (sizeof(words) - 1)];
}

static void edit(struct modeldisk *d, struct test_random *r)
{
	size_t off = test_random_below(r, d->size), left = d->size - off;
	size_t len = test_random_below(r, 3) ? MODEL_BLOCK : test_random_below(r, 700000) + 1;

	if (test_random_below(r, 4)) {
		off -= off % MODEL_BLOCK;
		left = d->size - off;
	}
	if (len > left)
		len = left;
	switch (test_random_below(r, 6)) {
	case 0:
		memset(d->bytes + off, 0, len);
		break;
	case 1:
		fill_text(r, d->bytes + off, len);
		break;
	case 2:
		memmove(d->bytes + off, d->bytes + test_random_below(r, d->size - len + 1) / MODEL_BLOCK * MODEL_BLOCK,
			len);
		break;
	default:
		test_random_fill(r, d->bytes + off, len);
	}
}

void modeldisk_change(struct modeldisk *d, struct test_random *r, unsigned edits)
{
	while (edits--)
		edit(d, r);
}

struct opened {
	struct blockdev bd;
	const struct modeldisk *d;
};

static int model_pread(struct blockdev *bd, void *buf, size_t len, uint64_t off)
{
	memcpy(buf, ((struct opened *)bd)->d->bytes + off, len);
	return 0;
}

static enum extent_type type_at(const struct modeldisk *d, uint64_t off, uint64_t *end)
{
	*end = (off / MODEL_BLOCK + 1) * MODEL_BLOCK;
	if (*end > d->size)
		*end = d->size;
	return d->tells_holes && is_zero(d->bytes + off, (size_t)(*end - off)) ? EXTENT_HOLE : EXTENT_DATA;
}

static int model_extents(struct blockdev *bd, uint64_t off, uint64_t len, extent_fn *fn, void *arg)
{
	const struct modeldisk *d = ((struct opened *)bd)->d;
	uint64_t end = off + len, to, next;
	int rc = 0;

	while (off < end && rc == 0) {
		enum extent_type type = type_at(d, off, &to);

		while (to < end && type_at(d, to, &next) == type)
			to = next;
		if (to > end)
			to = end;
		rc = fn(arg, off, to - off, type);
		off = to;
	}
	return rc;
}

static void model_free(struct blockdev *bd)
{
	free(bd);
}

static const struct blockdev_ops model_ops = {
	.name = "model", .pread = model_pread, .extents = model_extents, .free = model_free,
};

struct blockdev *modeldisk_open(const struct modeldisk *d)
{
	struct opened *o = calloc(1, sizeof(*o));

	blockdev_init(&o->bd, &model_ops, NULL, d->size);
	o->d = d;
	return &o->bd;
}
