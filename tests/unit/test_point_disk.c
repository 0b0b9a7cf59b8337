/* SPDX-License-Identifier: Apache-2.0 */
/* A disk of a point reads as the flat array it was written from, from many
 * threads and with a cache that is far too small; damage is an error. */
#include "fs/image/point_disk.h"
#include "fs/vault/fetch_pool.h"
#include "tests/lib/pointwriter.h"
#include "tests/lib/testlib.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define SIZE (9u * 1000 * 1000 + 512)	/* the last chunk is cut */

/* A store that counts gets and damages what it is told to. */
struct spy {
	struct store st;
	struct store *lower;
	_Atomic unsigned gets, lists;
	_Atomic int list_fault;		/* what every list answers, or 0 */
	_Atomic int fault;		/* what every get of a segment answers, or 0 */
	_Atomic unsigned flip;		/* one bit of every … th get of a segment; 0: none */
	_Atomic unsigned flipped;
};

static int spy_get(struct store *st, const char *name, uint64_t off, void *buf, size_t len, size_t *got,
		   struct error *err)
{
	struct spy *s = (struct spy *)st;
	unsigned n = atomic_fetch_add(&s->gets, 1), flip = s->flip;
	int rc;

	if (s->fault && !strncmp(name, "seg/", 4))
		return error_set(err, s->fault, "injected");
	rc = store_get(s->lower, name, off, buf, len, got, err);
	if (rc == 0 && flip && n % flip == 0 && *got && !strncmp(name, "seg/", 4)) {
		((uint8_t *)buf)[n * 7919u % *got] ^= 4;
		atomic_fetch_add(&s->flipped, 1);
	}
	return rc;
}
static int spy_put(struct store *st, const char *n, const void *d, size_t l, enum put_mode m, struct error *e)
{
	return store_put(((struct spy *)st)->lower, n, d, l, m, e);
}
static int spy_stat(struct store *st, const char *n, struct object *o, struct error *e)
{
	return store_stat(((struct spy *)st)->lower, n, o, e);
}
static int spy_list(struct store *st, const char *p, object_fn *fn, void *a, struct error *e)
{
	struct spy *s = (struct spy *)st;

	atomic_fetch_add(&s->lists, 1);
	return s->list_fault ? error_set(e, s->list_fault, "injected") : store_list(s->lower, p, fn, a, e);
}
static int spy_remove(struct store *st, const char *n, struct error *e)
{
	return store_remove(((struct spy *)st)->lower, n, e);
}
static int spy_now(struct store *st, int64_t *t, struct error *e)
{
	return store_now(((struct spy *)st)->lower, t, e);
}
static void spy_free(struct store *st)
{
	store_free(((struct spy *)st)->lower);
	free(st);
}

static const struct store_ops spy_ops = {
	.scheme = "spy", .get = spy_get, .put = spy_put, .stat = spy_stat, .list = spy_list,
	.remove = spy_remove, .now = spy_now, .free = spy_free,
};

static struct spy *spy_new(void)
{
	struct spy *s = calloc(1, sizeof(*s));

	s->lower = store_mem();
	s->st.ops = &spy_ops;
	s->st.conditional_put = true;
	return s;
}

/* Text, noise and holes in stretches. */
static uint8_t *make_bytes(struct test_random *r, size_t size)
{
	uint8_t *p = calloc(1, size);

	for (size_t at = 0; at < size;) {
		size_t n = 1 + test_random_below(r, 300000);

		n = n < size - at ? n : size - at;
		switch (test_random_below(r, 3)) {
		case 0: test_random_fill(r, p + at, n); break;
		case 1: for (size_t i = 0; i < n; i++) p[at + i] = (uint8_t)"the quick brown fox "[i % 20]; break;
		}
		at += n;
	}
	return p;
}

static void change(struct test_random *r, uint8_t *p, size_t size)
{
	for (int i = 0; i < 40; i++)
		test_random_fill(r, p + test_random_below(r, size / 4096 - 1) * 4096, 4096);
	memset(p + 1000000, 0, 200000);
}

/* Three generations: whole chunks, patches, patches of the same base. */
struct generations { struct written w[3]; };

static void write_generations(struct vault *v, struct test_random *r, uint32_t chunk,
			      struct generations *g)
{
	AUTO(free) uint8_t *bytes = make_bytes(r, SIZE);
	size_t patches = 0;

	for (int i = 0; i < 3; i++) {
		write_disk(v, bytes, SIZE, chunk, i ? &g->w[i - 1] : NULL, &g->w[i]);
		change(r, bytes, SIZE);
	}
	for (uint64_t i = 0; i < g->w[2].chunks; i++)
		patches += g->w[2].entry[i].ref.kind == CHUNK_PATCH;
	assert_true(patches > 3 || chunk > CHUNK_DEFAULT);
}

static void release_generations(struct generations *g)
{
	for (int i = 0; i < 3; i++)
		written_release(&g->w[i]);
}

struct reader { struct blockdev *bd; const uint8_t *data; uint64_t seed; int reads; unsigned wrong, failed; };

static void *read_at_random(void *arg)
{
	struct reader *a = arg;
	struct test_random r = { a->seed };
	AUTO(free) uint8_t *buf = malloc(1 << 20);

	for (int i = 0; i < a->reads; i++) {
		size_t max = test_random_below(&r, 4) ? 20000 : 1 << 20;
		uint64_t off = test_random_below(&r, SIZE - 1);
		size_t len = 1 + test_random_below(&r, max);
		int rc;

		len = len < SIZE - off ? len : SIZE - off;
		rc = blockdev_pread(a->bd, buf, len, off);
		if (rc < 0)
			a->failed++;
		else if (memcmp(buf, a->data + off, len))
			a->wrong++;
	}
	return NULL;
}

/* A disk that nobody looks for a newer manifest of. */
static struct blockdev *open_disk(struct vault *v, const struct written *w, struct chunk_cache *cache)
{
	struct blockdev *bd = point_disk_new(v, &written_nowhere, &w->disk, cache, NULL);

	assert_non_null(bd);
	return bd;
}

static void run_readers(struct vault *v, struct generations *g, struct chunk_cache *cache, uint64_t seed,
			int reads, unsigned *failed)
{
	struct blockdev *bd[3];
	struct reader a[6];
	pthread_t t[6];

	for (int i = 0; i < 3; i++)
		bd[i] = open_disk(v, &g->w[i], cache);
	for (int i = 0; i < 6; i++) {
		a[i] = (struct reader){ bd[i % 3], g->w[i % 3].data, seed + (uint64_t)i, reads, 0, 0 };
		assert_int_equal(pthread_create(&t[i], NULL, read_at_random, &a[i]), 0);
	}
	*failed = 0;
	for (int i = 0; i < 6; i++) {
		pthread_join(t[i], NULL);
		assert_int_equal(a[i].wrong, 0);
		*failed += a[i].failed;
	}
	for (int i = 0; i < 3; i++)
		blockdev_unref(bd[i]);
}

static void random_reads_give_what_was_written(void **state)
{
	struct test_random r = test_random_seeded("random_reads");
	static const struct { uint32_t chunk; size_t cache; } cases[] = {
		{ 64 << 10, 0 }, { 64 << 10, 1 << 20 }, { 16 << 10, 1 << 20 }, { 1 << 20, 2 << 20 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO(vault_free) struct vault *v = test_vault(store_mem());
		AUTO(chunk_cache_free) struct chunk_cache *cache = chunk_cache_new(cases[i].cache, NULL);
		struct chunk_cache_stats stats;
		struct generations g;
		unsigned failed;

		write_generations(v, &r, cases[i].chunk, &g);
		run_readers(v, &g, cache, test_random_next(&r), 60, &failed);
		assert_int_equal(failed, 0);
		chunk_cache_stats(cache, &stats);
		assert_true(stats.bytes <= (cases[i].cache ? cases[i].cache : CHUNK_CACHE_BYTES));
		release_generations(&g);
	}
}

static void flipped_bits_are_errors_and_never_bytes(void **state)
{
	struct test_random r = test_random_seeded("flipped_bits");
	struct spy *s = spy_new();
	AUTO(vault_free) struct vault *v = test_vault(&s->st);
	AUTO(chunk_cache_free) struct chunk_cache *cache = chunk_cache_new(1 << 20, NULL);
	struct generations g;
	unsigned failed;

	(void)state;
	write_generations(v, &r, 64 << 10, &g);
	s->flip = 5;
	run_readers(v, &g, cache, test_random_next(&r), 40, &failed);
	assert_true(s->flipped > 10);
	assert_true(failed > 0);
	s->flip = 0;
	run_readers(v, &g, cache, test_random_next(&r), 20, &failed);
	assert_int_equal(failed, 0);
	s->fault = ETIMEDOUT;
	run_readers(v, &g, cache, test_random_next(&r), 20, &failed);
	assert_true(failed > 0);
	release_generations(&g);
}

static void one_missing_segment_hurts_its_chunks_alone(void **state)
{
	struct test_random r = test_random_seeded("missing_segment");
	AUTO(vault_free) struct vault *v = test_vault(store_mem());
	AUTO(chunk_cache_free) struct chunk_cache *cache = chunk_cache_new(0, NULL);
	AUTO(blockdev_unref) struct blockdev *bd = NULL;
	AUTO(point_free) struct point *p = NULL;
	struct generations g;
	uint8_t buf[512];
	char name[160];
	unsigned hurt = 0;

	(void)state;
	write_generations(v, &r, 64 << 10, &g);
	p = write_point(v, &g.w[1].disk, 1);
	bd = point_disk_new(v, p, &p->disk[0], cache, NULL);
	for (uint64_t i = 0; i < g.w[1].chunks; i++)
		if (memcmp(&g.w[1].entry[i], &g.w[0].entry[i], sizeof(g.w[1].entry[i])) &&
		    g.w[1].entry[i].ref.kind)
			segment_name(g.w[1].entry[i].ref.segment, name, sizeof(name));
	assert_int_equal(store_remove(vault_store(v), name, NULL), 0);
	for (uint64_t i = 0; i < g.w[1].chunks; i++) {
		bool own = memcmp(&g.w[1].entry[i], &g.w[0].entry[i], sizeof(g.w[1].entry[i])) &&
			   g.w[1].entry[i].ref.kind;
		int rc = blockdev_pread(bd, buf, sizeof(buf), i << 16);

		assert_int_equal(rc, own ? -EBADMSG : 0);
		hurt += own;
		if (!own)
			assert_memory_equal(buf, g.w[1].data + (i << 16), sizeof(buf));
	}
	assert_true(hurt > 0);
	release_generations(&g);
}

static int collect(void *arg, uint64_t off, uint64_t len, enum extent_type type)
{
	uint64_t *sum = arg;

	assert_int_equal(off, sum[2]);
	sum[2] = off + len;
	sum[type == EXTENT_HOLE] += len;
	return 0;
}

/* 15 TiB of holes with three chunks in it, one of them the last. */
static void holes_cost_nothing(void **state)
{
	struct spy *s = spy_new();
	AUTO(vault_free) struct vault *v = test_vault(&s->st);
	AUTO(chunk_cache_free) struct chunk_cache *cache = chunk_cache_new(0, NULL);
	AUTO(blockdev_unref) struct blockdev *bd = NULL;
	static uint8_t data[65536];
	struct written one;
	uint64_t chunks = (UINT64_C(15) << 40) / 65536, number[3] = { 5, 1 << 20, chunks - 1 }, sum[3] = { 0 };
	struct map_entry e[3];

	(void)state;
	memset(data, 'x', sizeof(data));
	write_disk(v, data, sizeof(data), 65536, NULL, &one);
	for (int i = 0; i < 3; i++)
		e[i] = one.entry[0];
	write_map(v, chunks, 65536, number, e, 3, &one.disk.top);
	one.disk.size = chunks * 65536;
	one.disk.levels = map_levels(chunks);
	assert_int_equal(one.disk.levels, 3);
	bd = open_disk(v, &one, cache);
	s->gets = 0;
	assert_int_equal(blockdev_extents(bd, 0, bd->size, collect, sum), 0);
	assert_int_equal(sum[EXTENT_DATA], 3 * 65536);
	assert_int_equal(sum[EXTENT_DATA] + sum[EXTENT_HOLE], bd->size);
	assert_in_range(s->gets, 1, 7);
	for (int i = 0; i < 3; i++) {
		uint8_t got[4096];

		assert_int_equal(blockdev_pread(bd, got, sizeof(got), number[i] * 65536 + 8192), 0);
		assert_memory_equal(got, data, sizeof(got));
	}
	written_release(&one);
}

struct at_once { struct blockdev *bd; pthread_barrier_t *gate; };

static void *read_one(void *arg)
{
	struct at_once *a = arg;
	uint8_t buf[4096];

	pthread_barrier_wait(a->gate);
	return blockdev_pread(a->bd, buf, sizeof(buf), 4096) == 0 ? arg : NULL;
}

static void a_cold_chunk_is_fetched_once_and_reading_on_in_few_requests(void **state)
{
	struct test_random r = { 5 };
	struct spy *s = spy_new();
	AUTO(vault_free) struct vault *v = test_vault(&s->st);
	AUTO(chunk_cache_free) struct chunk_cache *cache = chunk_cache_new(0, NULL);
	AUTO(chunk_cache_free) struct chunk_cache *small = chunk_cache_new(1 << 20, NULL);
	AUTO(free) uint8_t *data = malloc(SIZE), *buf = malloc(SIZE);
	AUTO(blockdev_unref) struct blockdev *bd = NULL;
	struct written w;
	pthread_barrier_t gate;
	struct at_once a;
	pthread_t t[8];
	void *ok;

	(void)state;
	test_random_fill(&r, data, SIZE);
	write_disk(v, data, SIZE, 65536, NULL, &w);
	bd = open_disk(v, &w, cache);
	pthread_barrier_init(&gate, NULL, 8);
	a = (struct at_once){ bd, &gate };
	s->gets = 0;
	for (int i = 0; i < 8; i++)
		pthread_create(&t[i], NULL, read_one, &a);
	for (int i = 0; i < 8; i++) {
		pthread_join(t[i], &ok);
		assert_non_null(ok);
	}
	assert_int_equal(s->gets, 2);	/* the page and the chunk */
	assert_int_equal(blockdev_pread(bd, buf, SIZE, 0), 0);
	assert_memory_equal(buf, data, SIZE);
	assert_in_range(s->gets, 4, 30);	/* of 138 chunks */
	blockdev_unref(bd);
	bd = open_disk(v, &w, small);
	for (size_t at = 0; at < SIZE; at += 65536)
		assert_int_equal(blockdev_pread(bd, buf + at, SIZE - at < 65536 ? SIZE - at : 65536, at), 0);
	assert_memory_equal(buf, data, SIZE);
	pthread_barrier_destroy(&gate);
	written_release(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_reads_give_what_was_written),
		cmocka_unit_test(flipped_bits_are_errors_and_never_bytes),
		cmocka_unit_test(one_missing_segment_hurts_its_chunks_alone),
		cmocka_unit_test(holes_cost_nothing),
		cmocka_unit_test(a_cold_chunk_is_fetched_once_and_reading_on_in_few_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
