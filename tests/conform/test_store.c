/* SPDX-License-Identifier: Apache-2.0 */
/* What every store promises, over each implementation that needs no server. */
#include "fs/store/ahead.h"
#include "fs/store/diskcache.h"

#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct fixture {
	struct store *st;
	char folder[64];
};

static int start_mem(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->st = store_mem();
	*state = f;
	return f->st ? 0 : -1;
}

static int start_ahead(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->st = store_ahead_new(store_mem(), NULL);
	*state = f;
	return f->st ? 0 : -1;
}

static int start_dir(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->folder, sizeof(f->folder), "/tmp/test-store-XXXXXX");
	if (!mkdtemp(f->folder))
		return -1;
	f->st = store_open(f->folder, false, NULL);
	*state = f;
	return f->st ? 0 : -1;
}

static int start_diskcache(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->folder, sizeof(f->folder), "/tmp/test-store-XXXXXX");
	if (!mkdtemp(f->folder))
		return -1;
	f->st = store_diskcache_new(store_mem(), f->folder, 0, NULL);
	*state = f;
	return f->st ? 0 : -1;
}

static int remove_one(void *arg, const struct object *o)
{
	return store_remove(arg, o->name, NULL);
}

static int remove_path(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static int stop(void **state)
{
	struct fixture *f = *state;

	store_list(f->st, "", remove_one, f->st, NULL);
	store_free(f->st);
	if (f->folder[0] && nftw(f->folder, remove_path, 8, FTW_DEPTH | FTW_PHYS))
		return -1;
	free(f);
	return 0;
}

static struct store *store_of(void **state)
{
	return ((struct fixture *)*state)->st;
}

static void what_was_put_is_read_in_any_range(void **state)
{
	struct store *st = store_of(state);
	char buf[16];
	size_t got;

	assert_int_equal(store_put(st, "a/b/c", "0123456789", 10, PUT_NEW, NULL), 0);
	for (size_t off = 0; off <= 12; off++)
		for (size_t len = 0; len <= 12; len++) {
			size_t want = off >= 10 ? 0 : len < 10 - off ? len : 10 - off;

			assert_int_equal(store_get(st, "a/b/c", off, buf, len, &got, NULL), 0);
			assert_int_equal(got, want);
			assert_memory_equal(buf, "0123456789" + (off < 10 ? off : 0), want);
		}
}

static void a_name_is_taken_once(void **state)
{
	struct store *st = store_of(state);
	AUTO(free) void *data = NULL;
	struct error err = ERROR_INIT;
	size_t len;

	assert_int_equal(store_put(st, "x", "first", 5, PUT_NEW, NULL), 0);
	assert_int_equal(store_put(st, "x", "other", 5, PUT_NEW, &err), -EEXIST);
	assert_int_equal(store_put_once(st, "x", "first", 5, &err), 0);
	assert_int_equal(store_put_once(st, "x", "other", 5, &err), -EEXIST);
	assert_int_equal(store_get_all(st, "x", 100, &data, &len, NULL), 0);
	assert_memory_equal(data, "first", 5);
	assert_int_equal(store_put(st, "x", "sign of life", 12, PUT_ANY, NULL), 0);
}

static void what_is_not_there_is_told_as_such(void **state)
{
	struct store *st = store_of(state);
	struct object o;
	char c;
	size_t got;

	assert_int_equal(store_get(st, "no/such", 0, &c, 1, &got, NULL), -ENOENT);
	assert_int_equal(store_stat(st, "no/such", &o, NULL), -ENOENT);
	assert_int_equal(store_stat(st, "no", &o, NULL), -ENOENT);
	assert_int_equal(store_remove(st, "no/such", NULL), 0);
}

static void names_that_could_escape_are_refused(void **state)
{
	static const char *const bad[] = { "", "/a", "a/", "a//b", "../a", "a/../b", ".hidden", "a b", "ä" };
	struct store *st = store_of(state);

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(store_put(st, bad[i], "", 0, PUT_NEW, NULL), -EINVAL);
}

struct names { char text[512]; int n; };

static int note(void *arg, const struct object *o)
{
	struct names *s = arg;

	assert_true(o->size == strlen(o->name));
	snprintf(s->text + strlen(s->text), sizeof(s->text) - strlen(s->text), "%s;", o->name);
	s->n++;
	return 0;
}

static void a_list_has_every_object_below_a_prefix_once(void **state)
{
	static const char *const put[] = { "pt/a/1", "pt/a/2", "pt/ab/3", "ptx", "seg/0/9" };
	struct store *st = store_of(state);
	struct names all = { "", 0 }, some = { "", 0 }, part = { "", 0 }, none = { "", 0 };

	for (size_t i = 0; i < 5; i++)
		assert_int_equal(store_put(st, put[i], put[i], strlen(put[i]), PUT_NEW, NULL), 0);
	assert_int_equal(store_list(st, "", note, &all, NULL), 0);
	assert_int_equal(all.n, 5);
	assert_int_equal(store_list(st, "pt/a/", note, &some, NULL), 0);
	assert_int_equal(some.n, 2);
	assert_int_equal(store_list(st, "pt/a", note, &part, NULL), 0);
	assert_int_equal(part.n, 3);
	assert_int_equal(store_list(st, "none/", note, &none, NULL), 0);
	assert_int_equal(none.n, 0);
	assert_int_equal(store_remove(st, "pt/a/1", NULL), 0);
	some = (struct names){ "", 0 };
	assert_int_equal(store_list(st, "pt/a/", note, &some, NULL), 0);
	assert_string_equal(some.text, "pt/a/2;");
}

static void empty_objects_are_objects(void **state)
{
	struct store *st = store_of(state);
	AUTO(free) void *data = NULL;
	size_t len = 1;
	struct object o;
	int64_t now;

	assert_int_equal(store_put(st, "e", "", 0, PUT_NEW, NULL), 0);
	assert_int_equal(store_get_all(st, "e", 0, &data, &len, NULL), 0);
	assert_int_equal(len, 0);
	assert_int_equal(store_stat(st, "e", &o, NULL), 0);
	assert_int_equal(store_now(st, &now, NULL), 0);
	assert_true(now >= o.time && now - o.time < 60);
}

struct racer { struct store *st; int won; int id; };

static void *race(void *arg)
{
	struct racer *r = arg;

	for (int i = 0; i < 50; i++) {
		char name[32], mine[8];

		snprintf(name, sizeof(name), "race/%d", i);
		snprintf(mine, sizeof(mine), "%d", r->id);
		if (store_put(r->st, name, mine, strlen(mine), PUT_NEW, NULL) == 0)
			r->won++;
	}
	return NULL;
}

static void of_many_writers_one_gets_the_name(void **state)
{
	struct racer r[6];
	pthread_t t[6];
	int won = 0;

	for (int i = 0; i < 6; i++) {
		r[i] = (struct racer){ store_of(state), 0, i };
		assert_int_equal(pthread_create(&t[i], NULL, race, &r[i]), 0);
	}
	for (int i = 0; i < 6; i++) {
		pthread_join(t[i], NULL);
		won += r[i].won;
	}
	assert_int_equal(won, 50);
}

#define OVER(start)									\
	cmocka_unit_test_setup_teardown(what_was_put_is_read_in_any_range, start, stop),	\
	cmocka_unit_test_setup_teardown(a_name_is_taken_once, start, stop),		\
	cmocka_unit_test_setup_teardown(what_is_not_there_is_told_as_such, start, stop),	\
	cmocka_unit_test_setup_teardown(names_that_could_escape_are_refused, start, stop),	\
	cmocka_unit_test_setup_teardown(a_list_has_every_object_below_a_prefix_once, start, stop), \
	cmocka_unit_test_setup_teardown(empty_objects_are_objects, start, stop),		\
	cmocka_unit_test_setup_teardown(of_many_writers_one_gets_the_name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = { OVER(start_mem), OVER(start_dir), OVER(start_ahead),
					    OVER(start_diskcache) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
