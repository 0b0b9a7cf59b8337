/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The newest point of a VM, found without a list where the store tells folders:
 * the same that a whole list ends with, in a directory and in memory, and in a
 * directory for as few requests however many points there are.
 */
#include "fs/store/meter.h"
#include "fs/vault/object.h"
#include "fs/vault/point.h"
#include "tests/lib/testlib.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define BEGIN 1795140000

struct fixture {
	struct vault *v;
	struct store *meter;		/* counts what the vault asks; the vault's */
	char root[64];			/* "": in memory */
	unsigned serial;
};

static int start_over(void **state, struct fixture *f, struct store *lower_taken)
{
	uint8_t bytes[32] = { 3 };
	AUTO(secret_free) struct secret *key = secret_copy(bytes, sizeof(bytes));
	struct slot_secret s = { .kind = SLOT_KEY_FILE, .bytes = key };
	struct vault_info want = { .name = "" };
	char id[SLOT_ID_TEXT];

	*state = f;
	f->meter = store_meter_new(lower_taken, NULL);
	return f->meter ? vault_init(f->meter, &want, &s, id, &f->v, NULL) : -1;
}

static int start_mem(void **state)
{
	return start_over(state, calloc(1, sizeof(struct fixture)), store_mem());
}

static int start_dir(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->root, sizeof(f->root), "/tmp/test-newest-XXXXXX");
	return mkdtemp(f->root) ? start_over(state, f, store_open(f->root, false, NULL)) : -1;
}

static int remove_path(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static int stop(void **state)
{
	struct fixture *f = *state;

	vault_free(f->v);
	if (f->root[0] && nftw(f->root, remove_path, 8, FTW_DEPTH | FTW_PHYS))
		return -1;
	free(f);
	return 0;
}

static struct point *make_point(struct fixture *f, const char *vm, int64_t time)
{
	struct point *p = point_new();
	struct point_disk *d = point_add_disk(p);

	snprintf(p->vm, sizeof(p->vm), "%s", vm);
	assert_int_equal(vault_vm_id(f->v, vm, p->vm_id), 0);
	snprintf(p->id, sizeof(p->id), "%08x90abcdef", ++f->serial * 2654435761u);
	memcpy(p->session, &f->serial, sizeof(f->serial));
	p->time = p->store_time = time;
	p->number = 1;
	memset(p->refs_sha256, 'a', 64);
	snprintf(d->name, sizeof(d->name), "os");
	d->size = 1;
	d->chunk_size = CHUNK_MIN;
	d->levels = 1;
	return p;
}

static void put(struct fixture *f, const char *vm, int64_t time)
{
	AUTO(point_free) struct point *p = make_point(f, vm, time);

	assert_int_equal(point_put(f->v, p, NULL, NULL), 0);
}

static void put_tombstone(struct fixture *f, const char *vm, int64_t time)
{
	AUTO(point_free) struct point *p = make_point(f, vm, time);
	char name[192];

	point_object_name(p, name, sizeof(name));
	assert_int_equal(object_put(f->meter, vault_ring(f->v), OBJECT_TOMBSTONE, name, "{}", 2, NULL), 0);
}

static void mark(struct fixture *f, const struct point_name *p)
{
	char name[64];

	snprintf(name, sizeof(name), "exp/%.24s", strrchr(p->object, '/') + 1);
	assert_int_equal(object_put(f->meter, vault_ring(f->v), OBJECT_EXPIRED, name, "{}", 2, NULL), 0);
}

/* What a list says, and what is found without one.  How many the list has. */
static size_t compare(struct fixture *f, const char *vm, struct point_name *newest)
{
	AUTO(free) struct point_name *all = NULL, *few = NULL;
	char vm_id[VM_ID_TEXT];
	size_t n, n_few;

	assert_int_equal(vault_vm_id(f->v, vm, vm_id), 0);
	assert_int_equal(point_list(f->v, vm_id, &all, &n, NULL), 0);
	assert_int_equal(point_list_latest(f->v, vm_id, &few, &n_few, NULL), 0);
	assert_int_equal(!n, !n_few);
	assert_true(n_few <= n);
	/* The newest, and before it whatever else that second has. */
	for (size_t i = 1; i <= n_few; i++) {
		assert_string_equal(few[n_few - i].object, all[n - i].object);
		assert_string_equal(few[n_few - i].folder, all[n - i].folder);
	}
	if (n)
		assert_true(n_few == n || all[n - n_few - 1].time < all[n - 1].time);
	*newest = n ? all[n - 1] : (struct point_name){ .object = "" };
	return n;
}

static void it_is_what_a_list_ends_with(void **state)
{
	struct test_random r = test_random_seeded("newest point");
	struct fixture *f = *state;
	struct point_name newest;

	assert_int_equal(compare(f, "web", &newest), 0);
	for (int i = 0; i < 120; i++) {
		int64_t time = BEGIN + (int64_t)test_random_below(&r, 12);
		const char *vm = test_random_below(&r, 4) ? "web" : "db";

		switch (test_random_below(&r, 5)) {
		case 0:
			put_tombstone(f, vm, time + 12);	/* would be newer */
			break;
		case 1:
			if (compare(f, vm, &newest))
				mark(f, &newest);
			break;
		case 2:
			if (compare(f, vm, &newest))		/* its folder stays in a directory */
				assert_int_equal(store_remove(f->meter, newest.object, NULL), 0);
			break;
		default:
			put(f, vm, time);
			break;
		}
		compare(f, "web", &newest);
		compare(f, "db", &newest);
	}
	while (compare(f, "web", &newest))
		mark(f, &newest);
}

static uint64_t requests_for_newest(struct fixture *f)
{
	struct meter_stats before, after;
	struct point_name name;

	store_meter_stats(f->meter, &before);
	assert_int_equal(point_find(f->v, "web", "latest", &name, NULL), 0);
	store_meter_stats(f->meter, &after);
	assert_int_equal(after.gets, before.gets);
	return after.lists - before.lists + after.stats - before.stats;
}

static void points_before_it_cost_no_request(void **state)
{
	struct fixture *f = *state;
	uint64_t first;

	put(f, "web", BEGIN);
	first = requests_for_newest(f);
	assert_in_range(first, 1, 4);
	for (int i = 1; i < 200; i++)
		put(f, "web", BEGIN + i);
	assert_int_equal(requests_for_newest(f), first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_is_what_a_list_ends_with, start_mem, stop),
		cmocka_unit_test_setup_teardown(it_is_what_a_list_ends_with, start_dir, stop),
		cmocka_unit_test_setup_teardown(points_before_it_cost_no_request, start_dir, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
