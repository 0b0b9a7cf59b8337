/* SPDX-License-Identifier: Apache-2.0 */
/* A disk cache gives what the store holds, whatever happens to its files:
 * crashes, rot, other processes, eviction; and what it has needs no network. */
#include "fs/store/diskcache.h"
#include "tests/lib/slowstore.h"
#include "tests/lib/testlib.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <cmocka.h>

#define OBJECT_BYTES (3u << 20)
#define OBJECTS 4u

static char folder[64];
static uint8_t *content[OBJECTS];

struct world { struct slowstore *slow; struct store *st; };

static void name_of(unsigned i, char out[32])
{
	snprintf(out, 32, "seg/session/0/%u", i);
}

static int remove_path(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static void open_cache(struct world *w, uint64_t limit)
{
	struct error err = ERROR_INIT;

	w->st = store_diskcache_new(slowstore_share(w->slow), folder, limit, &err);
	if (!w->st)
		fail_msg("%s", err.text);
}

static int start(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct test_random r = { 3 };
	char name[32];

	snprintf(folder, sizeof(folder), "/tmp/test-diskcache-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	w->slow = slowstore_new(store_mem(), 0, 0);
	open_cache(w, 0);
	for (unsigned i = 0; i < OBJECTS; i++) {
		content[i] = malloc(OBJECT_BYTES);
		test_random_fill(&r, content[i], OBJECT_BYTES);
		name_of(i, name);
		store_put(w->st, name, content[i], OBJECT_BYTES, PUT_NEW, NULL);
	}
	*state = w;
	return 0;
}

static int stop(void **state)
{
	struct world *w = *state;

	store_free(w->st);
	slowstore_free(w->slow);
	free(w);
	for (unsigned i = 0; i < OBJECTS; i++)
		free(content[i]);
	return nftw(folder, remove_path, 8, FTW_DEPTH | FTW_PHYS);
}

/* True: read, and right.  False: the store could not be asked. */
static bool read_range(struct store *st, unsigned i, uint64_t off, size_t len)
{
	AUTO(free) uint8_t *buf = malloc(len);
	size_t got, want = off >= OBJECT_BYTES ? 0 : OBJECT_BYTES - off < len ? OBJECT_BYTES - (size_t)off : len;
	char name[32];

	name_of(i, name);
	if (store_get(st, name, off, buf, len, &got, NULL) < 0)
		return false;
	assert_int_equal(got, want);
	assert_memory_equal(buf, content[i] + off, want);
	return true;
}

static void read_somewhere(struct store *st, struct test_random *r)
{
	size_t len = 1 + test_random_below(r, test_random_below(r, 3) ? 70000 : 1 << 20);

	assert_true(read_range(st, (unsigned)test_random_below(r, OBJECTS), test_random_below(r, OBJECT_BYTES), len));
}

static void what_was_read_needs_no_network(void **state)
{
	struct world *w = *state;
	struct test_random r = test_random_seeded("diskcache");
	struct diskcache_stats s;

	for (int i = 0; i < 200; i++)
		read_somewhere(w->st, &r);
	for (unsigned i = 0; i < OBJECTS; i++)
		assert_true(read_range(w->st, i, 0, OBJECT_BYTES));
	store_free(w->st);
	open_cache(w, 0);
	slowstore_reset(w->slow);
	slowstore_fail(w->slow, EHOSTUNREACH);
	for (int i = 0; i < 200; i++) {
		uint64_t off = test_random_below(&r, OBJECT_BYTES);

		assert_true(read_range(w->st, (unsigned)i % OBJECTS, off, 1 + test_random_below(&r, OBJECT_BYTES - off)));
	}
	assert_int_equal(slowstore_count(w->slow).requests, 0);
	store_diskcache_stats(w->st, &s);
	assert_int_equal(s.hits, 200);
	assert_int_equal(s.broken, 0);
	/* Each byte is kept once, and a little of sums. */
	assert_in_range(s.used, OBJECTS * OBJECT_BYTES, OBJECTS * OBJECT_BYTES * 21ull / 20);
}

static void only_what_is_missing_is_fetched(void **state)
{
	struct world *w = *state;

	assert_true(read_range(w->st, 0, 100000, 50000));
	assert_true(read_range(w->st, 0, 160000, 1000));
	slowstore_reset(w->slow);
	assert_true(read_range(w->st, 0, 90000, 100000));
	assert_int_equal(slowstore_count(w->slow).requests, 1);
	assert_int_equal(slowstore_count(w->slow).bytes, 100000);	/* a gap at both ends: one request */
	slowstore_reset(w->slow);
	assert_true(read_range(w->st, 0, 120000, 100000));
	assert_int_equal(slowstore_count(w->slow).bytes, 30000);
	assert_false(store_near(w->st, "seg/session/0/0", 0, 95000));
	assert_true(store_near(w->st, "seg/session/0/0", 90000, 130000));
	assert_int_equal(store_warm(w->st, "seg/session/0/0", 0, OBJECT_BYTES, NULL), 0);
	assert_true(store_near(w->st, "seg/session/0/0", 0, OBJECT_BYTES));
	assert_false(store_near(w->st, "seg/session/0/1", 0, 1));
	assert_int_equal(store_warm(w->st, "seg/session/0/1", OBJECT_BYTES - 5, 10, NULL), -EBADMSG);
	assert_int_equal(store_warm(w->st, "vault", 0, 10, NULL), -ENOTSUP);
}

static int each_file(int (*fn)(const char *path, struct test_random *r), struct test_random *r)
{
	char path[400];
	struct dirent *e;
	DIR *d;
	int n = 0;

	snprintf(path, sizeof(path), "%s/v1", folder);
	assert_non_null(d = opendir(path));
	while ((e = readdir(d)))
		if (e->d_name[0] != '.') {
			snprintf(path, sizeof(path), "%s/v1/%s", folder, e->d_name);
			n += fn(path, r);
		}
	closedir(d);
	return n;
}

static int flip(const char *path, struct test_random *r)
{
	AUTO(fd) int fd = open(path, O_RDWR);
	struct stat st;
	uint8_t b;
	off_t at;

	assert_int_equal(fstat(fd, &st), 0);
	at = (off_t)test_random_below(r, (size_t)st.st_size);
	assert_int_equal(pread(fd, &b, 1, at), 1);
	b ^= (uint8_t)(1u << test_random_below(r, 8));
	return pwrite(fd, &b, 1, at) == 1;
}

static int cut(const char *path, struct test_random *r)
{
	struct stat st;

	return stat(path, &st) == 0 && truncate(path, (off_t)test_random_below(r, (size_t)st.st_size + 1)) == 0;
}

static int append_rubbish(const char *path, struct test_random *r)
{
	AUTO(fd) int fd = open(path, O_WRONLY | O_APPEND);
	uint8_t b[100];

	test_random_fill(r, b, sizeof(b));
	return write(fd, b, 1 + test_random_below(r, sizeof(b))) > 0;
}

static void rot_and_crashes_cost_a_fetch_and_never_a_byte(void **state)
{
	static int (*const hurt[])(const char *, struct test_random *) = { flip, cut, append_rubbish };
	struct world *w = *state;
	struct test_random r = test_random_seeded("diskcache_rot");
	uint64_t broken = 0;

	for (int round = 0; round < 60; round++) {
		struct diskcache_stats s;

		for (int i = 0; i < 12; i++)
			read_somewhere(w->st, &r);
		/* While it is open, or between two mounts. */
		if (round % 2) {
			store_diskcache_stats(w->st, &s);
			broken += s.broken;
			store_free(w->st);
		}
		assert_true(each_file(hurt[round % 3], &r) > 0);
		if (round % 2)
			open_cache(w, 0);
		for (int i = 0; i < 12; i++)
			read_somewhere(w->st, &r);
	}
	assert_true(broken > 0);
}

static void a_full_cache_lets_go_of_what_was_used_longest_ago(void **state)
{
	struct world *w = *state;
	struct diskcache_stats s;
	char name[32];

	store_free(w->st);
	open_cache(w, 2 * OBJECT_BYTES + (1u << 20));
	for (unsigned i = 0; i < OBJECTS; i++) {
		name_of(i, name);
		assert_int_equal(store_warm(w->st, name, 0, OBJECT_BYTES, NULL), 0);
	}
	store_diskcache_stats(w->st, &s);
	assert_in_range(s.evicted, 1, OBJECTS);
	assert_in_range(s.used, OBJECT_BYTES, s.limit);
	assert_true(store_near(w->st, "seg/session/0/3", 0, OBJECT_BYTES));
	assert_false(store_near(w->st, "seg/session/0/0", 0, OBJECT_BYTES));
	for (unsigned i = 0; i < OBJECTS; i++)
		assert_true(read_range(w->st, i, 0, OBJECT_BYTES));
	assert_in_range(store_diskcache_room(w->st), 0, 2 * OBJECT_BYTES + (1u << 20));
}

static void a_folder_that_others_may_write_to_is_refused(void **state)
{
	struct world *w = *state;
	struct error err = ERROR_INIT;

	assert_int_equal(chmod(folder, 0777), 0);
	assert_null(store_diskcache_new(slowstore_share(w->slow), folder, 0, &err));
	assert_int_equal(err.code, EPERM);
	assert_null(store_diskcache_new(slowstore_share(w->slow), "/dev/null/x", 0, &err));
	assert_int_equal(err.code, ENOTDIR);
	assert_int_equal(chmod(folder, 0700), 0);
}

struct reader { struct store *st; uint64_t seed; };

static void *read_often(void *arg)
{
	struct reader *a = arg;
	struct test_random r = { a->seed };

	for (int i = 0; i < 150; i++)
		read_somewhere(a->st, &r);
	return NULL;
}

/* Each with a store of its own, in its own process. */
static void read_in_threads(struct world *w, uint64_t seed)
{
	struct reader a[3];
	pthread_t t[3];

	for (unsigned i = 0; i < 3; i++) {
		a[i] = (struct reader){ w->st, seed + i };
		pthread_create(&t[i], NULL, read_often, &a[i]);
	}
	for (unsigned i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
}

static void processes_and_threads_share_a_folder(void **state)
{
	struct world *w = *state;
	struct test_random r = test_random_seeded("diskcache_shared");
	pid_t pid[2];

	store_free(w->st);
	for (int i = 0; i < 2; i++) {
		uint64_t seed = test_random_next(&r);

		pid[i] = fork();
		if (pid[i] == 0) {
			/* Small, so that each evicts what the other just wrote. */
			open_cache(w, i ? 0 : 2 * OBJECT_BYTES);
			read_in_threads(w, seed);
			store_free(w->st);
			_exit(0);
		}
	}
	open_cache(w, 0);
	read_in_threads(w, test_random_next(&r));
	for (int i = 0; i < 2; i++) {
		int status;

		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
}

static bool recalled(struct store *st, const char *name, size_t size, int64_t time, const uint8_t *want)
{
	struct object o = { .size = size, .time = time };
	AUTO(free) void *data = NULL;

	snprintf(o.name, sizeof(o.name), "%s", name);
	if (!store_recall(st, &o, &data))
		return false;
	assert_memory_equal(data, want, size);
	return true;
}

/* A record's name may be used again by another vault, or by one that was put back as it was. */
static void what_a_list_showed_is_kept_by_address_name_size_and_time(void **state)
{
	struct world *w = *state;
	struct object o = { .name = "job/1-1.end", .size = 5000, .time = 1795140000 };

	store_keep(w->st, &o, content[0]);
	assert_false(recalled(w->st, o.name, 5000, o.time, content[0]));	/* nobody asked for it */
	store_diskcache_listed(w->st, "az://north/vault");
	store_keep(w->st, &o, content[0]);
	assert_true(recalled(w->st, o.name, 5000, o.time, content[0]));
	assert_false(recalled(w->st, o.name, 4999, o.time, content[0]));
	assert_false(recalled(w->st, o.name, 5000, o.time + 1, content[0]));
	assert_false(recalled(w->st, "job/1-2.end", 5000, o.time, content[0]));
	store_free(w->st);
	open_cache(w, 0);
	store_diskcache_listed(w->st, "az://south/vault");
	assert_false(recalled(w->st, o.name, 5000, o.time, content[0]));
	store_diskcache_listed(w->st, "az://north/vault");
	assert_true(recalled(w->st, o.name, 5000, o.time, content[0]));
	assert_int_equal(each_file(flip, &(struct test_random){ 7 }), 1);
	store_free(w->st);
	open_cache(w, 0);
	store_diskcache_listed(w->st, "az://north/vault");
	assert_false(recalled(w->st, o.name, 5000, o.time, content[0]));	/* it is asked for anew */
	o.size = STORE_KEEP_MAX + 1;
	store_keep(w->st, &o, content[0]);
	assert_false(recalled(w->st, o.name, o.size, o.time, content[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_read_needs_no_network, start, stop),
		cmocka_unit_test_setup_teardown(only_what_is_missing_is_fetched, start, stop),
		cmocka_unit_test_setup_teardown(rot_and_crashes_cost_a_fetch_and_never_a_byte, start, stop),
		cmocka_unit_test_setup_teardown(a_full_cache_lets_go_of_what_was_used_longest_ago, start, stop),
		cmocka_unit_test_setup_teardown(a_folder_that_others_may_write_to_is_refused, start, stop),
		cmocka_unit_test_setup_teardown(processes_and_threads_share_a_folder, start, stop),
		cmocka_unit_test_setup_teardown(what_a_list_showed_is_kept_by_address_name_size_and_time, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
