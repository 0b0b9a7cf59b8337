/* SPDX-License-Identifier: Apache-2.0 */
/* The cache of chunks: bounded, filled once by one thread, and a scan does not
 * push out what is used often. */
#include "fs/vault/chunk_cache.h"
#include "fs/vault/fetch_pool.h"
#include "tests/lib/testlib.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <cmocka.h>

#define SIZE (16u << 10)
#define ROOM 256u			/* chunks that the cache holds */

static struct chunk_ref ref_of(uint32_t n)
{
	struct chunk_ref r = { .number = n % 1000, .kind = CHUNK_RAW };
	struct test_random rnd = { n / 1000 + 1 };

	test_random_fill(&rnd, r.segment, sizeof(r.segment));
	memcpy(r.name, &n, sizeof(n));
	return r;
}

/* Was it there?  If not it is filled. */
static bool touch(struct chunk_cache *c, uint32_t n)
{
	struct chunk_ref ref = ref_of(n);
	struct chunk *k;
	int claim = chunk_cache_claim(c, &ref, SIZE, &k);

	if (claim == CLAIM_MINE) {
		memset(chunk_buffer(k), (int)n, SIZE);
		chunk_cache_publish(c, k, 0);
	}
	assert_true(claim == CLAIM_MINE || claim == CLAIM_READY);
	assert_int_equal(chunk_bytes(k)[SIZE - 1], (uint8_t)n);
	chunk_put(k);
	return claim == CLAIM_READY;
}

static void a_scan_passes_by_what_is_used_often(void **state)
{
	AUTO(chunk_cache_free) struct chunk_cache *c = chunk_cache_new((size_t)ROOM * SIZE, NULL);
	struct chunk_cache_stats st;
	unsigned kept = 0;

	(void)state;
	/* 64 chunks are asked for again after they had left: they are used often. */
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 64; i++)
			touch(c, i);
		for (uint32_t i = 0; i < 300; i++)
			touch(c, 10000 + 1000 * (uint32_t)round + i);
	}
	/* A long scan that touches each chunk four times, as small reads do. */
	for (uint32_t i = 0; i < 5000; i++)
		for (int k = 0; k < 4; k++)
			assert_true(touch(c, 50000 + i) == (k > 0));
	for (uint32_t i = 0; i < 64; i++)
		kept += touch(c, i);
	assert_in_range(kept, 56, 64);
	chunk_cache_stats(c, &st);
	assert_in_range(st.bytes, 1, ROOM * SIZE);
	assert_int_equal(st.chunks * SIZE, st.bytes);
}

static void what_is_held_outlives_its_eviction(void **state)
{
	AUTO(chunk_cache_free) struct chunk_cache *c = chunk_cache_new((size_t)ROOM * SIZE, NULL);
	struct chunk_ref ref = ref_of(7);
	struct chunk *k;

	(void)state;
	assert_false(touch(c, 7));
	assert_non_null(k = chunk_cache_get(c, &ref));
	for (uint32_t i = 0; i < 1000; i++)
		touch(c, 20000 + i);
	assert_false(chunk_cache_has(c, &ref));
	assert_int_equal(chunk_bytes(k)[0], 7);
	chunk_put(k);
}

static void two_sizes_at_one_place_are_damage(void **state)
{
	AUTO(chunk_cache_free) struct chunk_cache *c = chunk_cache_new(0, NULL);
	struct chunk_ref ref = ref_of(3);
	struct chunk *k;

	(void)state;
	touch(c, 3);
	assert_int_equal(chunk_cache_claim(c, &ref, SIZE * 2, &k), -EBADMSG);
	assert_null(k);
}

struct crowd { struct chunk_cache *c; _Atomic unsigned fills, fails; _Atomic uint64_t seed; };

static void *go(void *arg)
{
	struct crowd *w = arg;
	struct test_random r = { atomic_fetch_add(&w->seed, 1) };

	for (int i = 0; i < 20000; i++) {
		uint32_t n = (uint32_t)test_random_below(&r, 400);
		struct chunk_ref ref = ref_of(n);
		struct chunk *k;
		int claim = chunk_cache_claim(w->c, &ref, SIZE, &k), rc = 0;

		if (claim == CLAIM_MINE) {
			rc = test_random_below(&r, 8) ? 0 : -EIO;
			memset(chunk_buffer(k), (int)n, SIZE);
			chunk_cache_publish(w->c, k, rc);
			w->fills++;
		} else if (claim == CLAIM_BUSY) {
			rc = chunk_cache_wait(w->c, k);
		}
		if (rc == 0)
			assert_int_equal(chunk_bytes(k)[n], (uint8_t)n);
		w->fails += rc < 0;
		chunk_put(k);
	}
	return NULL;
}

static void a_crowd_finds_what_it_asked_for(void **state)
{
	AUTO(chunk_cache_free) struct chunk_cache *c = chunk_cache_new((size_t)ROOM * SIZE, NULL);
	struct test_random r = test_random_seeded("a_crowd");
	struct crowd w = { .c = c, .seed = test_random_next(&r) };
	pthread_t t[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, go, &w), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	assert_in_range(w.fills, 400, 79000);
	assert_true(w.fails > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_scan_passes_by_what_is_used_often),
		cmocka_unit_test(what_is_held_outlives_its_eviction),
		cmocka_unit_test(two_sizes_at_one_place_are_damage),
		cmocka_unit_test(a_crowd_finds_what_it_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
