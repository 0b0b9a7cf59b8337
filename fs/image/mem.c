/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/mem.h"

#include <errno.h>
#include <string.h>

struct mem {
	struct blockdev bd;
	uint8_t *buf;
};

static int mem_pread(struct blockdev *bd, void *buf, size_t len, uint64_t off)
{
	memcpy(buf, ((struct mem *)bd)->buf + off, len);
	return 0;
}

static void mem_free(struct blockdev *bd)
{
	free(((struct mem *)bd)->buf);
	free(bd);
}

static const struct blockdev_ops mem_ops = { .name = "mem", .pread = mem_pread, .free = mem_free };

struct blockdev *mem_open(void *buf, size_t len, struct error *err)
{
	struct mem *m = calloc(1, sizeof(*m));

	if (!m) {
		free(buf);
		return error_null(err, ENOMEM, "out of memory");
	}
	m->buf = buf;
	blockdev_init(&m->bd, &mem_ops, NULL, len);
	return &m->bd;
}

static int zero_pread(struct blockdev *bd, void *buf, size_t len, uint64_t off)
{
	(void)bd, (void)off;
	memset(buf, 0, len);
	return 0;
}

static int zero_extents(struct blockdev *bd, uint64_t off, uint64_t len, extent_fn *fn, void *arg)
{
	(void)bd;
	return fn(arg, off, len, EXTENT_HOLE);
}

static const struct blockdev_ops zero_ops = {
	.name = "zero", .pread = zero_pread, .extents = zero_extents,
};

struct blockdev *zero_open(uint64_t len, struct error *err)
{
	struct blockdev *bd = calloc(1, sizeof(*bd));

	if (!bd)
		return error_null(err, ENOMEM, "out of memory");
	blockdev_init(bd, &zero_ops, NULL, len);
	return bd;
}
