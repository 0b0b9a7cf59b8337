/* SPDX-License-Identifier: Apache-2.0 */
/* A point that a compact wrote anew is read on by its newer manifest once the segments of the older one
 * have gone; one that has expired says so, and a segment that is merely missing is damage. */
#include "fs/image/point_disk.h"
#include "fs/vault/expire.h"
#include "tests/lib/clockstore.h"
#include "tests/lib/pointwriter.h"
#include "tests/lib/slowstore.h"
#include "tests/lib/testlib.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define SIZE (3u << 20)
#define CHUNK 65536u
#define READERS 6

struct scene {
	struct clockstore *clock;
	struct slowstore *slow;		/* in front of it */
	struct vault *v;
	struct chunk_cache *cache;
	uint8_t *data;
	struct written old, new;
	struct point *p;		/* its first manifest */
	struct blockdev *bd;		/* opened by it */
	char manifest[2][192];
	char (*segment)[256];		/* those of the first */
	size_t n;
};

static int keep_name(void *arg, const struct object *o)
{
	struct scene *s = arg;

	s->segment = realloc(s->segment, (s->n + 1) * sizeof(*s->segment));
	assert_non_null(s->segment);
	snprintf(s->segment[s->n++], sizeof(s->segment[0]), "%s", o->name);
	return 0;
}

static void scene_begin(struct scene *s, uint64_t seed)
{
	struct test_random r = { seed };

	*s = (struct scene){ .clock = clockstore_new(1795140000), .data = malloc(SIZE) };
	assert_non_null(s->data);
	s->slow = slowstore_new(clockstore_share(s->clock), 0, 0);
	s->v = test_vault(slowstore_share(s->slow));
	s->cache = chunk_cache_new(0, NULL);
	test_random_fill(&r, s->data, SIZE);
	memset(s->data + SIZE / 2, 0, 4 * CHUNK);
	write_disk(s->v, s->data, SIZE, CHUNK, NULL, &s->old);
	s->p = write_point(s->v, &s->old.disk, 1);
	point_object_name(s->p, s->manifest[0], sizeof(s->manifest[0]));
	assert_int_equal(store_list(vault_store(s->v), "seg/", keep_name, s, NULL), 0);
	assert_true(s->n >= 2);		/* data, map */
	s->bd = point_disk_new(s->v, s->p, &s->p->disk[0], s->cache, NULL);
	assert_non_null(s->bd);
}

static void scene_end(struct scene *s)
{
	blockdev_unref(s->bd);
	chunk_cache_free(s->cache);
	point_free(s->p);
	written_release(&s->old);
	written_release(&s->new);
	vault_free(s->v);
	slowstore_free(s->slow);
	clockstore_free(s->clock);
	free(s->segment);
	free(s->data);
}

/* As a compact does; data: what the newer manifest shows. */
static void rewrite(struct scene *s, const uint8_t *data, size_t size)
{
	AUTO(point_free) struct point *newer = NULL;

	clockstore_advance(s->clock, 60);
	write_disk(s->v, data, size, CHUNK, NULL, &s->new);
	newer = write_point(s->v, &s->new.disk, 2);
	point_object_name(newer, s->manifest[1], sizeof(s->manifest[1]));
}

static void mark(struct scene *s, int which)
{
	assert_int_equal(expire_mark(s->v, s->manifest[which], NULL), 0);
}

/* What only the first manifest names goes, then nothing has been asked yet. */
static void collect_old(struct scene *s)
{
	for (size_t i = 0; i < s->n; i++)
		assert_int_equal(store_remove(vault_store(s->v), s->segment[i], NULL), 0);
	clockstore_reset(s->clock);
}

static int read_at(struct scene *s, uint64_t chunk)
{
	uint8_t buf[4096];
	int rc = blockdev_pread(s->bd, buf, sizeof(buf), chunk * CHUNK + 512);

	if (rc == 0)
		assert_memory_equal(buf, s->data + chunk * CHUNK + 512, sizeof(buf));
	return rc;
}

static unsigned looks(struct scene *s)
{
	return clockstore_count(s->clock, CLOCK_LIST, "pt/");
}

struct reader { struct scene *s; uint64_t seed; unsigned wrong; };

static void *read_at_random(void *arg)
{
	struct reader *a = arg;
	struct test_random r = { a->seed };
	AUTO(free) uint8_t *buf = malloc(300000);

	for (int i = 0; i < 60; i++) {
		size_t len = 1 + test_random_below(&r, 300000);
		uint64_t off = test_random_below(&r, SIZE - len);

		a->wrong += blockdev_pread(a->s->bd, buf, len, off) != 0 || memcmp(buf, a->s->data + off, len);
	}
	return NULL;
}

static void readers_go_on_by_the_newer_manifest_after_one_look(void **state)
{
	struct test_random r = test_random_seeded("newer_manifest");
	struct reader a[READERS];
	pthread_t t[READERS];
	struct scene s;

	(void)state;
	scene_begin(&s, test_random_next(&r));
	assert_int_equal(read_at(&s, 3), 0);
	rewrite(&s, s.data, SIZE);
	mark(&s, 0);
	collect_old(&s);
	assert_int_equal(read_at(&s, 3), 0);	/* it is in memory */
	assert_int_equal(looks(&s), 0);
	for (int i = 0; i < READERS; i++) {
		a[i] = (struct reader){ &s, test_random_next(&r), 0 };
		assert_int_equal(pthread_create(&t[i], NULL, read_at_random, &a[i]), 0);
	}
	for (int i = 0; i < READERS; i++) {
		pthread_join(t[i], NULL);
		assert_int_equal(a[i].wrong, 0);
	}
	assert_int_equal(looks(&s), 1);
	scene_end(&s);
}

static int count_data(void *arg, uint64_t off, uint64_t len, enum extent_type type)
{
	(void)off;
	if (type == EXTENT_DATA)
		*(uint64_t *)arg += len;
	return 0;
}

/* The first page that is asked for is missing already. */
static void holes_are_told_by_the_newer_manifest(void **state)
{
	uint64_t data = 0;
	struct scene s;

	(void)state;
	scene_begin(&s, 5);
	rewrite(&s, s.data, SIZE);
	mark(&s, 0);
	collect_old(&s);
	assert_int_equal(blockdev_extents(s.bd, 0, SIZE, count_data, &data), 0);
	assert_int_equal(data, SIZE - 4 * CHUNK);
	assert_int_equal(looks(&s), 1);
	scene_end(&s);
}

static int note_record(void *arg, const char *manifest, struct error *err)
{
	struct scene *s = arg;

	(void)err;
	assert_string_equal(manifest, s->manifest[1]);
	assert_int_equal(clockstore_count(s->clock, CLOCK_GET, "pt/"), 0);
	s->n = 0;
	return 0;
}

static void the_readers_record_is_put_before_the_newer_manifest_is_read(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s, 6);
	point_disk_record(s.bd, note_record, &s);
	rewrite(&s, s.data, SIZE);
	mark(&s, 0);
	collect_old(&s);
	assert_int_equal(read_at(&s, 7), 0);
	assert_int_equal(s.n, 0);
	assert_int_equal(clockstore_count(s.clock, CLOCK_GET, "pt/"), 1);
	scene_end(&s);
}

static void a_point_that_has_expired_is_told_as_gone(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s, 7);
	assert_int_equal(read_at(&s, 3), 0);
	mark(&s, 0);
	collect_old(&s);
	for (uint64_t i = 4; i < 20; i++)
		assert_int_equal(read_at(&s, i), -ESTALE);
	assert_int_equal(read_at(&s, 3), 0);
	assert_int_equal(looks(&s), 1);		/* the answer holds for a while */
	scene_end(&s);
}

static void both_manifests_leaving_is_gone_too(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s, 8);
	rewrite(&s, s.data, SIZE);
	mark(&s, 0);
	mark(&s, 1);
	collect_old(&s);
	assert_int_equal(read_at(&s, 4), -ESTALE);
	scene_end(&s);
}

static void a_segment_missing_from_the_newest_manifest_is_damage(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s, 9);
	collect_old(&s);
	assert_int_equal(read_at(&s, 4), -EBADMSG);
	assert_int_equal(read_at(&s, 5), -EBADMSG);
	assert_int_equal(looks(&s), 1);
	scene_end(&s);
}

/* Also when it is the second that is missing something: nobody goes round in circles. */
static void one_read_looks_but_once(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s, 10);
	rewrite(&s, s.data, SIZE);
	s.n = 0;
	assert_int_equal(store_list(vault_store(s.v), "seg/", keep_name, &s, NULL), 0);
	collect_old(&s);
	assert_int_equal(read_at(&s, 4), -EBADMSG);
	assert_int_equal(looks(&s), 1);
	scene_end(&s);
}

static void a_newer_manifest_with_another_disk_is_damage(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s, 11);
	rewrite(&s, s.data, SIZE / 2);
	mark(&s, 0);
	collect_old(&s);
	assert_int_equal(read_at(&s, 4), -EBADMSG);
	scene_end(&s);
}

static void the_network_goes(void *arg)
{
	slowstore_fail(arg, EHOSTUNREACH);
}

/* Whether the point has gone is not known then: the next read asks again. */
static void a_store_that_cannot_be_asked_is_asked_again(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s, 12);
	rewrite(&s, s.data, SIZE);
	mark(&s, 0);
	collect_old(&s);
	clockstore_before(s.clock, CLOCK_GET, "seg/", the_network_goes, s.slow);
	assert_int_equal(read_at(&s, 4), -EHOSTUNREACH);
	slowstore_fail(s.slow, 0);
	assert_int_equal(read_at(&s, 4), 0);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers_go_on_by_the_newer_manifest_after_one_look),
		cmocka_unit_test(holes_are_told_by_the_newer_manifest),
		cmocka_unit_test(the_readers_record_is_put_before_the_newer_manifest_is_read),
		cmocka_unit_test(a_point_that_has_expired_is_told_as_gone),
		cmocka_unit_test(both_manifests_leaving_is_gone_too),
		cmocka_unit_test(a_segment_missing_from_the_newest_manifest_is_damage),
		cmocka_unit_test(one_read_looks_but_once),
		cmocka_unit_test(a_newer_manifest_with_another_disk_is_damage),
		cmocka_unit_test(a_store_that_cannot_be_asked_is_asked_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
