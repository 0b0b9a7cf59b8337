/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An overlay against a flat array: random writes, discards, flushes and
 * reopenings; many threads that write to sectors of the same blocks; and who
 * may open what.  The seed is printed; TEST_SEED repeats a run.
 */
#include "crypto/bytes.h"
#include "fs/image/mem.h"
#include "fs/image/overlay.h"
#include "tests/lib/testlib.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

struct model {
	struct blockdev *bd;
	uint8_t *base, *flat;
	size_t size;
	char dir[64], path[96];
	struct overlay_info info;
};

static struct blockdev *base_of(const struct model *m)
{
	uint8_t *copy = malloc(m->size);

	memcpy(copy, m->base, m->size);
	return mem_open(copy, m->size, NULL);
}

static void model_open(struct model *m)
{
	struct error err = ERROR_INIT;

	m->bd = overlay_open(base_of(m), overlay_file_use(m->path, &m->info, &err), &err);
	if (!m->bd)
		fail_msg("%s", err.text);
}

static struct model model_new(struct test_random *r, size_t size)
{
	struct model m = { .size = size, .info = { .size = size, .view = "disk.raw", .base = "x" } };

	m.base = malloc(size);
	m.flat = malloc(size);
	test_random_fill(r, m.base, size);
	memcpy(m.flat, m.base, size);
	snprintf(m.dir, sizeof(m.dir), "%s/ade-overlay-XXXXXX", "/tmp");
	assert_non_null(mkdtemp(m.dir));
	snprintf(m.path, sizeof(m.path), "%s/o", m.dir);
	model_open(&m);
	return m;
}

static void model_free(struct model *m)
{
	blockdev_unref(m->bd);
	assert_int_equal(unlink(m->path), 0);
	assert_int_equal(rmdir(m->dir), 0);	/* no draft was left */
	free(m->base);
	free(m->flat);
}

static void model_check(struct model *m)
{
	uint8_t *got = malloc(m->size);
	int same;

	assert_int_equal(blockdev_pread(m->bd, got, m->size, 0), 0);
	same = !memcmp(got, m->flat, m->size);
	free(got);
	assert_true(same);
}

static int check_extent(void *arg, uint64_t off, uint64_t len, enum extent_type type)
{
	struct model *m = arg;

	return type == EXTENT_HOLE && !is_zero(m->flat + off, (size_t)len) ? -EBADMSG : 0;
}

/* Small or large, aligned to sectors, blocks or nothing. */
static void random_range(const struct model *m, struct test_random *r, size_t *off, size_t *len)
{
	static const size_t most[] = { 700, 5000, 30000, 300000 }, grain[] = { 1, 512, 4096 };
	size_t g = grain[test_random_below(r, 3)];

	*off = test_random_below(r, m->size) / g * g;
	*len = (test_random_below(r, most[test_random_below(r, 4)]) / g + 1) * g;
	if (*len > m->size - *off)
		*len = m->size - *off;
}

static void random_step(struct model *m, struct test_random *r)
{
	size_t off, len;
	uint8_t *buf;

	random_range(m, r, &off, &len);
	switch (test_random_below(r, 20)) {
	case 0:
		blockdev_unref(m->bd);
		model_open(m);
		break;
	case 1:
		assert_int_equal(blockdev_flush(m->bd), 0);
		break;
	case 2: case 3: case 4: case 5:
		memset(m->flat + off, 0, len);
		assert_int_equal(blockdev_discard(m->bd, off, len), 0);
		break;
	case 6: case 7: case 8:
		buf = malloc(len);
		assert_int_equal(blockdev_pread(m->bd, buf, len, off), 0);
		assert_memory_equal(buf, m->flat + off, len);
		free(buf);
		break;
	default:
		test_random_fill(r, m->flat + off, len);
		assert_int_equal(blockdev_pwrite(m->bd, m->flat + off, len, off), 0);
	}
}

static void it_is_the_flat_array(void **state)
{
	struct test_random r = test_random_seeded("it_is_the_flat_array");

	(void)state;
	for (int run = 0; run < 40; run++) {
		struct model m = model_new(&r, 1 + test_random_below(&r, run % 4 ? 200000 : 9000000));
		size_t off, len;

		for (int i = 0; i < 120; i++)
			random_step(&m, &r);
		random_range(&m, &r, &off, &len);
		assert_int_equal(blockdev_extents(m.bd, off, len, check_extent, &m), 0);
		model_check(&m);
		blockdev_unref(m.bd);
		model_open(&m);
		model_check(&m);
		model_free(&m);
	}
}

static uint64_t space(const struct model *m)
{
	struct stat st;

	assert_int_equal(stat(m->path, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static void discard_frees_space_and_hides_the_base(void **state)
{
	struct test_random r = test_random_seeded("discard_frees_space_and_hides_the_base");
	struct model m = model_new(&r, 20 << 20);
	uint64_t data, zero;

	(void)state;
	test_random_fill(&r, m.flat, m.size);
	assert_int_equal(blockdev_pwrite(m.bd, m.flat, m.size, 0), 0);
	assert_int_equal(blockdev_flush(m.bd), 0);
	assert_true(space(&m) >= m.size);
	memset(m.flat, 0, m.size);
	assert_int_equal(blockdev_discard(m.bd, 0, m.size), 0);
	assert_int_equal(blockdev_flush(m.bd), 0);
	assert_true(space(&m) < 1 << 20);
	model_check(&m);
	overlay_count(m.bd, &data, &zero);
	assert_int_equal(data, 0);
	assert_int_equal(zero, m.size / OVERLAY_BLOCK);
	model_free(&m);
}

/* Each writer owns every eighth sector; all of them are in every block. */
struct writer { struct model *m; unsigned n; uint64_t seed; int rc; };

static void *write_sectors(void *arg)
{
	struct writer *w = arg;
	struct test_random r = { w->seed };
	uint8_t buf[512];

	for (int i = 0; i < 1500 && !w->rc; i++) {
		size_t off = (test_random_below(&r, w->m->size / 8192) * 8 + w->n) * 512;

		test_random_fill(&r, w->m->flat + off, 512);
		w->rc = blockdev_pwrite(w->m->bd, w->m->flat + off, 512, off);
		if (!w->rc && i % 100 == 0)
			w->rc = blockdev_flush(w->m->bd);
		if (!w->rc)
			w->rc = blockdev_pread(w->m->bd, buf, 512, off);
		if (!w->rc && memcmp(buf, w->m->flat + off, 512))
			w->rc = -EBADMSG;
	}
	return NULL;
}

/* Owns what lies behind the writers' blocks, under locks that they use, too. */
static void *discard_and_write(void *arg)
{
	struct writer *w = arg;
	struct test_random r = { w->seed };
	size_t half = w->m->size / 2;

	for (int i = 0; i < 600 && !w->rc; i++) {
		size_t off = test_random_below(&r, half - 1), len = test_random_below(&r, 40000) + 1;

		if (len > half - off)
			len = half - off;
		off += half;
		if (i % 2) {
			memset(w->m->flat + off, 0, len);
			w->rc = blockdev_discard(w->m->bd, off, len);
		} else {
			test_random_fill(&r, w->m->flat + off, len);
			w->rc = blockdev_pwrite(w->m->bd, w->m->flat + off, len, off);
		}
	}
	return NULL;
}

static void writers_of_one_block_keep_what_each_wrote(void **state)
{
	struct test_random r = test_random_seeded("writers_of_one_block_keep_what_each_wrote");

	(void)state;
	for (int run = 0; run < 4; run++) {
		struct model m = model_new(&r, 200 * 4096);
		struct writer w[9];
		pthread_t id[9];

		for (unsigned i = 0; i < 9; i++) {
			w[i] = (struct writer){ &m, i, test_random_next(&r), 0 };
			assert_int_equal(pthread_create(&id[i], NULL, i < 8 ? write_sectors : discard_and_write,
							&w[i]), 0);
		}
		for (unsigned i = 0; i < 9; i++) {
			pthread_join(id[i], NULL);
			assert_int_equal(w[i].rc, 0);
		}
		model_check(&m);
		blockdev_unref(m.bd);
		model_open(&m);
		model_check(&m);
		model_free(&m);
	}
}

static int refusal(const struct model *m, const struct overlay_info *want)
{
	struct error err = ERROR_INIT;
	struct overlay_file *f = overlay_file_use(m->path, want, &err);

	assert_null(f);
	assert_true(err.text[0] && err.next[0]);
	return err.code;
}

static void who_may_open_what(void **state)
{
	struct test_random r = { 1 };
	struct model m = model_new(&r, 50000);
	struct overlay_info other = m.info;
	struct stat st;

	(void)state;
	assert_int_equal(stat(m.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(refusal(&m, &m.info), EBUSY);
	assert_null(overlay_file_open(m.path, OVERLAY_READ, NULL));
	blockdev_unref(m.bd);
	other.id[0] ^= 1;
	assert_int_equal(refusal(&m, &other), EINVAL);
	other = m.info;
	other.view[0] = 'D';
	assert_int_equal(refusal(&m, &other), EINVAL);
	other = m.info;
	other.size++;
	assert_int_equal(refusal(&m, &other), EINVAL);
	assert_int_equal(truncate(m.path, 20000), 0);
	assert_int_equal(refusal(&m, &m.info), EBADMSG);
	assert_int_equal(unlink(m.path), 0);
	m.info.plaintext = true;
	model_open(&m);
	blockdev_unref(m.bd);
	assert_int_equal(chmod(m.path, 0640), 0);
	assert_int_equal(refusal(&m, &m.info), EACCES);
	assert_int_equal(chmod(m.path, 0600), 0);
	model_open(&m);
	model_free(&m);
}

static void a_temporary_one_leaves_nothing(void **state)
{
	struct overlay_info info = { .size = 10000, .view = "disk.raw" };
	struct blockdev *bd = overlay_open(zero_open(10000, NULL), overlay_file_temporary(&info, NULL), NULL);
	uint8_t in[100] = { 1, 2, 3 }, out[100];

	(void)state;
	assert_non_null(bd);
	assert_int_equal(blockdev_pwrite(bd, in, 100, 9900), 0);
	assert_int_equal(blockdev_flush(bd), 0);
	assert_int_equal(blockdev_pread(bd, out, 100, 9900), 0);
	assert_memory_equal(in, out, 100);
	blockdev_unref(bd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_the_flat_array),
		cmocka_unit_test(discard_frees_space_and_hides_the_base),
		cmocka_unit_test(writers_of_one_block_keep_what_each_wrote),
		cmocka_unit_test(who_may_open_what),
		cmocka_unit_test(a_temporary_one_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
