/* SPDX-License-Identifier: Apache-2.0 */
/* A trace is fetched ahead of its reader, never more than memory takes, and on as he reads. */
#include "fs/image/diskwatch.h"
#include "fs/image/point_disk.h"
#include "tests/lib/pointwriter.h"
#include "tests/lib/slowstore.h"
#include "tests/lib/testlib.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#define MIB (1u << 20)
#define SIZE (40u * MIB)
#define CHUNK 65536u
#define MEMORY (32u * MIB)		/* that a trace takes */

struct follower { struct blockdev *disk; struct trace_row row; _Atomic bool stop, ended; };

static void *follow(void *arg)
{
	struct follower *f = arg;

	point_disk_expect(f->disk, &f->row, 1, &f->stop);
	atomic_store(&f->ended, true);
	return NULL;
}

static void pause_ms(unsigned ms)
{
	struct timespec t = { .tv_nsec = ms * 1000000L };

	nanosleep(&t, NULL);
}

/* What has come, once it is at least that much, or after 30 s. */
static uint64_t fetched(struct slowstore *s, uint64_t at_least)
{
	for (int i = 0; i < 1500 && slowstore_count(s).bytes < at_least; i++)
		pause_ms(20);
	return slowstore_count(s).bytes;
}

static void a_long_trace_is_followed_as_it_is_read(void **state)
{
	struct test_random r = { 5 };
	struct slowstore *slow = slowstore_new(store_mem(), 0, 0);
	AUTO(vault_free) struct vault *v = test_vault(slowstore_share(slow));
	AUTO(chunk_cache_free) struct chunk_cache *cache = chunk_cache_new(0, NULL);
	AUTO(free) uint8_t *data = malloc(SIZE), *buf = malloc(8 * MIB);
	struct follower f = { .row = { 0, SIZE / CHUNK, 0 } };
	struct disk_watch *watch;
	struct written w;
	pthread_t thread;

	(void)state;
	test_random_fill(&r, data, SIZE);
	write_disk(v, data, SIZE, CHUNK, NULL, &w);
	f.disk = point_disk_new(v, &written_nowhere, &w.disk, cache, NULL);
	watch = disk_watch_new("one", "os", SIZE, CHUNK, NULL, NULL);
	point_disk_watch(f.disk, watch);
	slowstore_reset(slow);
	assert_int_equal(pthread_create(&thread, NULL, follow, &f), 0);
	assert_true(fetched(slow, MEMORY) >= MEMORY);
	pause_ms(300);
	assert_true(slowstore_count(slow).bytes < MEMORY + 5 * MIB);
	assert_false(atomic_load(&f.ended));
	assert_int_equal(blockdev_pread(f.disk, buf, 8 * MIB, 0), 0);
	assert_memory_equal(buf, data, 8 * MIB);
	assert_true(fetched(slow, SIZE) >= SIZE);
	pthread_join(thread, NULL);
	slowstore_reset(slow);
	assert_int_equal(blockdev_pread(f.disk, buf, 8 * MIB, 32 * MIB), 0);
	assert_memory_equal(buf, data + 32 * MIB, 8 * MIB);
	assert_int_equal(slowstore_count(slow).requests, 0);
	blockdev_unref(f.disk);
	disk_watch_free(watch);
	written_release(&w);
	vault_free(TAKE(v));
	slowstore_free(slow);
}

static void who_stops_does_not_wait(void **state)
{
	struct test_random r = { 6 };
	AUTO(vault_free) struct vault *v = test_vault(store_mem());
	AUTO(chunk_cache_free) struct chunk_cache *cache = chunk_cache_new(0, NULL);
	AUTO(free) uint8_t *data = malloc(SIZE);
	struct follower f = { .row = { 0, SIZE / CHUNK, 0 } };
	struct disk_watch *watch = disk_watch_new("one", "os", SIZE, CHUNK, NULL, NULL);
	struct written w;
	pthread_t thread;

	(void)state;
	test_random_fill(&r, data, SIZE);
	write_disk(v, data, SIZE, CHUNK, NULL, &w);
	f.disk = point_disk_new(v, &written_nowhere, &w.disk, cache, NULL);
	point_disk_watch(f.disk, watch);
	assert_int_equal(pthread_create(&thread, NULL, follow, &f), 0);
	pause_ms(200);
	atomic_store(&f.stop, true);
	pthread_join(thread, NULL);		/* hangs, if it waits for a reader */
	blockdev_unref(f.disk);
	disk_watch_free(watch);
	written_release(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_long_trace_is_followed_as_it_is_read),
		cmocka_unit_test(who_stops_does_not_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
