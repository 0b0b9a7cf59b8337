/* SPDX-License-Identifier: Apache-2.0 */
/* What every store promises, over each implementation that needs no server. */
#include "fs/store/ahead.h"
#include "fs/store/diskcache.h"
#include "fs/store/meter.h"
#include "tests/lib/synced.h"

#include <errno.h>
#include <fcntl.h>
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
	char root[64];		/* of the directory below all; "": there is none */
	char cache[64];
};

static struct fixture *fixture_new(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	return f;
}

static int started(struct fixture *f)
{
	return f->st ? 0 : -1;
}

static bool make_folder(char folder[64])
{
	snprintf(folder, 64, "/tmp/test-store-XXXXXX");
	return mkdtemp(folder);
}

static struct store *directory(struct fixture *f)
{
	return make_folder(f->root) ? store_open(f->root, false, NULL) : NULL;
}

static struct store *cached(struct fixture *f, struct store *lower)
{
	return make_folder(f->cache) ? store_diskcache_new(lower, f->cache, 0, NULL) : NULL;
}

static int start_mem(void **state)
{
	struct fixture *f = fixture_new(state);

	f->st = store_mem();
	return started(f);
}

static int start_dir(void **state)
{
	struct fixture *f = fixture_new(state);

	f->st = directory(f);
	return started(f);
}

static int start_ahead(void **state)
{
	struct fixture *f = fixture_new(state);

	f->st = store_ahead_new(store_mem(), NULL);
	return started(f);
}

static int start_diskcache(void **state)
{
	struct fixture *f = fixture_new(state);

	f->st = cached(f, store_mem());
	return started(f);
}

/* As a mount stacks them. */
static int start_stack(void **state)
{
	struct fixture *f = fixture_new(state);

	f->st = store_ahead_new(cached(f, store_meter_new(directory(f), NULL)), NULL);
	return started(f);
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

	synced_end();
	store_list(f->st, "", remove_one, f->st, NULL);
	store_free(f->st);
	if ((f->root[0] && nftw(f->root, remove_path, 8, FTW_DEPTH | FTW_PHYS)) ||
	    (f->cache[0] && nftw(f->cache, remove_path, 8, FTW_DEPTH | FTW_PHYS)))
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

/* Below a folder: ";a;b;", each name once, in any order. */
static int note_folder(void *arg, const struct object *o)
{
	struct names *s = arg;
	char whole[260];

	snprintf(whole, sizeof(whole), ";%s;", o->name);
	assert_null(strstr(s->text, whole));
	snprintf(s->text + strlen(s->text), sizeof(s->text) - strlen(s->text), "%s%s;", s->n ? "" : ";", o->name);
	s->n++;
	return 0;
}

/* False: this store does not tell folders, and said nothing. */
static bool folders(struct fixture *f, const char *prefix, struct names *out)
{
	struct error err = ERROR_INIT;
	int rc;

	*out = (struct names){ "", 0 };
	rc = store_folders(f->st, prefix, note_folder, out, &err);
	if (rc == -ENOTSUP) {
		assert_int_equal(out->n, 0);
		assert_int_equal(f->root[0], 0);	/* it would be cheaper here: what lies above must not hide it */
		return false;
	}
	assert_int_equal(rc, 0);
	return true;
}

static void folders_are_told_once_without_what_lies_in_them(void **state)
{
	static const char *const put[] = { "pt/a/1", "pt/a/2", "pt/ab/c/3", "pt/x", "ptx", "seg/0/9" };
	struct fixture *f = *state;
	struct names n;

	for (size_t i = 0; i < 6; i++)
		assert_int_equal(store_put(f->st, put[i], "", 0, PUT_NEW, NULL), 0);
	if (!folders(f, "pt/", &n))
		return;
	assert_int_equal(n.n, 3);
	assert_non_null(strstr(n.text, ";a;"));
	assert_non_null(strstr(n.text, ";ab;"));
	assert_non_null(strstr(n.text, ";x;"));
	folders(f, "pt/a/", &n);
	assert_int_equal(n.n, 2);
	folders(f, "pt/ab/", &n);
	assert_string_equal(n.text, ";c;");
	folders(f, "none/", &n);
	assert_int_equal(n.n, 0);
	assert_int_equal(store_remove(f->st, "pt/x", NULL), 0);
	assert_int_equal(store_put(f->st, "pt/y/1", "", 0, PUT_NEW, NULL), 0);
	folders(f, "pt/", &n);
	assert_null(strstr(n.text, ";x;"));
	assert_non_null(strstr(n.text, ";y;"));
}

static int stop_at_once(void *arg, const struct object *o)
{
	(void)o;
	++*(int *)arg;
	return 7;
}

static void a_list_ends_where_its_reader_wants(void **state)
{
	struct store *st = store_of(state);
	int n = 0, rc;

	assert_int_equal(store_put(st, "l/a/1", "", 0, PUT_NEW, NULL), 0);
	assert_int_equal(store_put(st, "l/b/2", "", 0, PUT_NEW, NULL), 0);
	assert_int_equal(store_list(st, "l/", stop_at_once, &n, NULL), 7);
	assert_int_equal(n, 1);
	rc = store_folders(st, "l/", stop_at_once, &n, NULL);
	assert_true(rc == -ENOTSUP || (rc == 7 && n == 2));
}

/* Somebody put it and died before he synced a folder. */
static void leave(struct fixture *f, const char *name)
{
	char path[256];
	int fd;

	if (!f->root[0]) {		/* memory: nothing is lost */
		assert_int_equal(store_put(f->st, name, "x", 1, PUT_NEW, NULL), 0);
		return;
	}
	for (const char *p = strchr(name, '/'); p; p = strchr(p + 1, '/')) {
		snprintf(path, sizeof(path), "%s/%.*s", f->root, (int)(p - name), name);
		assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
	}
	snprintf(path, sizeof(path), "%s/%s", f->root, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	assert_true(fd >= 0 && write(fd, "x", 1) == 1 && fsync(fd) == 0);
	close(fd);
	assert_false(synced_name(f->root, name));
}

static bool lasts(struct fixture *f, const char *name)
{
	return !f->root[0] || (synced_name(f->root, name) && synced_bytes(f->root, name));
}

static void what_was_put_survives_a_power_cut(void **state)
{
	struct fixture *f = *state;

	synced_begin();
	assert_int_equal(store_put(f->st, "a/b/c", "first", 5, PUT_NEW, NULL), 0);
	assert_true(lasts(f, "a/b/c"));
	assert_int_equal(store_put(f->st, "a/b/d", "second", 6, PUT_NEW, NULL), 0);
	assert_true(lasts(f, "a/b/d"));
	assert_int_equal(store_put(f->st, "a/b/d", "again", 5, PUT_ANY, NULL), 0);
	assert_true(lasts(f, "a/b/d"));
	leave(f, "a/e/f");			/* another's, and so are the folders above it */
	assert_int_equal(store_put(f->st, "a/e/f", "x", 1, PUT_NEW, NULL), -EEXIST);
	assert_true(lasts(f, "a/e/f"));
	leave(f, "g/h/i");
	assert_int_equal(store_put(f->st, "g/h/k", "x", 1, PUT_NEW, NULL), 0);
	assert_true(lasts(f, "g/h/k"));
}

static void settle(struct fixture *f, const char *prefix, const char *name)
{
	assert_int_equal(store_settle(f->st, prefix, NULL), 0);
	assert_true(lasts(f, name));
}

static void what_others_left_survives_a_power_cut_once_settled(void **state)
{
	static const char *const left[] = { "seg/s/0/a", "seg/s/1/b", "pt/v/t/s", "exp/m" };
	struct fixture *f = *state;
	struct object o;

	synced_begin();
	for (size_t i = 0; i < 4; i++)
		leave(f, left[i]);
	settle(f, "seg/s/", "seg/s/0/a");
	assert_true(lasts(f, "seg/s/1/b"));
	settle(f, "pt/v/t/s", "pt/v/t/s");	/* an object's name means its folder */
	settle(f, "exp/", "exp/m");
	assert_int_equal(store_settle(f->st, "none/such/", NULL), 0);
	assert_int_equal(store_stat(f->st, "none/such", &o, NULL), -ENOENT);
	leave(f, "seg/s/1/late");		/* once settled is not settled for ever */
	leave(f, "seg/s/2/later");
	settle(f, "seg/s/", "seg/s/1/late");
	assert_true(lasts(f, "seg/s/2/later"));
	leave(f, "seg/t/0/z");
	leave(f, "top");
	settle(f, "", "seg/t/0/z");
	assert_true(lasts(f, "top"));
}

#define CASE(test, start) cmocka_unit_test_setup_teardown(test, start, stop)
#define OVER(start)									\
	CASE(what_was_put_is_read_in_any_range, start),					\
	CASE(a_name_is_taken_once, start),						\
	CASE(what_is_not_there_is_told_as_such, start),					\
	CASE(names_that_could_escape_are_refused, start),				\
	CASE(a_list_has_every_object_below_a_prefix_once, start),			\
	CASE(a_list_ends_where_its_reader_wants, start),				\
	CASE(folders_are_told_once_without_what_lies_in_them, start),			\
	CASE(empty_objects_are_objects, start),						\
	CASE(of_many_writers_one_gets_the_name, start),					\
	CASE(what_was_put_survives_a_power_cut, start),					\
	CASE(what_others_left_survives_a_power_cut_once_settled, start)

int main(void)
{
	const struct CMUnitTest tests[] = { OVER(start_mem), OVER(start_dir), OVER(start_ahead),
					    OVER(start_diskcache), OVER(start_stack) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
