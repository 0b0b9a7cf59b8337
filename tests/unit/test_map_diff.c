/* SPDX-License-Identifier: Apache-2.0 */
/* Two maps are compared: exactly the chunks that differ are told, also where
 * one disk is larger, and damage is an error. */
#include "fs/vault/map_diff.h"
#include "tests/lib/pointwriter.h"
#include "tests/lib/testlib.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define CHUNKS 3000u			/* three leaves */
#define SIZE (CHUNKS * (uint64_t)CHUNK_MIN - 100)

struct told {
	uint8_t differs[CHUNKS + 8];
	uint64_t end, ranges;
	int answer;
};

static int note(void *arg, uint64_t first, uint64_t n)
{
	struct told *t = arg;

	assert_true(n > 0 && (!t->ranges || first > t->end));
	assert_true(first + n <= sizeof(t->differs));
	memset(t->differs + first, 1, n);
	t->end = first + n;
	t->ranges++;
	return t->answer;
}

/* As a flat array says it. */
static void check(const struct written *a, const struct written *b, const struct told *t)
{
	uint64_t n = a->chunks > b->chunks ? a->chunks : b->chunks;

	for (uint64_t i = 0; i < n; i++) {
		static const uint8_t zeros[CHUNK_MIN];
		uint8_t x[CHUNK_MIN], y[CHUNK_MIN];

		memcpy(x, i < a->chunks ? a->data + i * CHUNK_MIN : zeros, CHUNK_MIN);
		memcpy(y, i < b->chunks ? b->data + i * CHUNK_MIN : zeros, CHUNK_MIN);
		assert_int_equal(t->differs[i], memcmp(x, y, CHUNK_MIN) != 0);
	}
}

static void exactly_the_chunks_that_differ_are_told(void **state)
{
	AUTO(vault_free) struct vault *v = test_vault(store_mem());
	AUTO(free) uint8_t *bytes = calloc(1, SIZE);
	struct test_random r = test_random_seeded("map_diff");
	struct written a, b, small;
	struct told t = { .end = 0 }, back = { .end = 0 }, none = { .end = 0 };

	(void)state;
	test_random_fill(&r, bytes + 100 * CHUNK_MIN, 1200 * CHUNK_MIN);
	write_disk(v, bytes, SIZE, CHUNK_MIN, NULL, &a);
	write_disk(v, bytes, 1000 * CHUNK_MIN, CHUNK_MIN, NULL, &small);	/* one level less */
	for (int i = 0; i < 60; i++)
		test_random_fill(&r, bytes + test_random_below(&r, CHUNKS - 1) * CHUNK_MIN, 1 + i);
	memset(bytes + 500 * CHUNK_MIN, 0, 20 * CHUNK_MIN);
	bytes[SIZE - 1] = 1;
	write_disk(v, bytes, SIZE, CHUNK_MIN, &a, &b);
	assert_int_equal(map_diff(v, &a.disk, &b.disk, note, &t, NULL), 0);
	check(&a, &b, &t);
	assert_true(t.ranges > 20 && t.end == CHUNKS);
	assert_int_equal(map_diff(v, &b.disk, &a.disk, note, &back, NULL), 0);
	assert_memory_equal(t.differs, back.differs, sizeof(t.differs));
	assert_int_equal(map_diff(v, &b.disk, &b.disk, note, &none, NULL), 0);
	assert_int_equal(none.ranges, 0);
	assert_int_equal(small.disk.levels, a.disk.levels - 1);
	memset(&t, 0, sizeof(t));
	memset(&back, 0, sizeof(back));
	assert_int_equal(map_diff(v, &small.disk, &b.disk, note, &t, NULL), 0);
	check(&small, &b, &t);
	assert_int_equal(map_diff(v, &b.disk, &small.disk, note, &back, NULL), 0);
	assert_memory_equal(t.differs, back.differs, sizeof(t.differs));
	back = (struct told){ .answer = -EINTR };
	assert_int_equal(map_diff(v, &a.disk, &b.disk, note, &back, NULL), -EINTR);
	assert_int_equal(back.ranges, 1);
	written_release(&a);
	written_release(&b);
	written_release(&small);
}

static int last_name(void *arg, const struct object *o)
{
	char (*name)[256] = arg;

	snprintf(*name, sizeof(*name), "%s", o->name);
	return 0;
}

static void shared_pages_are_not_read_and_a_missing_one_is_damage(void **state)
{
	AUTO(vault_free) struct vault *v = test_vault(store_mem());
	AUTO(free) uint8_t *bytes = calloc(1, SIZE);
	struct error err = ERROR_INIT;
	struct told t = { .end = 0 };
	struct point_disk other, zeros;
	char name[256] = "";
	struct written a;

	(void)state;
	memset(bytes, 7, 10);
	write_disk(v, bytes, SIZE, CHUNK_MIN, NULL, &a);
	zeros = other = a.disk;
	zeros.has_top = false;
	other.chunk_size *= 2;
	assert_int_equal(map_diff(v, &a.disk, &other, note, &t, &err), -EINVAL);
	assert_int_equal(map_diff(v, &zeros, &a.disk, note, &t, &err), 0);
	assert_true(t.ranges == 1 && t.end == 1);
	while (store_list(vault_store(v), "seg/", last_name, &name, NULL) == 0 && name[0]) {
		assert_int_equal(store_remove(vault_store(v), name, NULL), 0);
		name[0] = '\0';
	}
	assert_int_equal(map_diff(v, &a.disk, &a.disk, note, &t, NULL), 0);
	assert_int_equal(map_diff(v, &a.disk, &zeros, note, &t, &err), -EBADMSG);
	assert_true(strstr(err.text, "missing") && !strncmp(err.object, "seg/", 4));
	written_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exactly_the_chunks_that_differ_are_told),
		cmocka_unit_test(shared_pages_are_not_read_and_a_missing_one_is_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
