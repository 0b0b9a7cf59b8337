/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a backup looks at before it begins: segments that a cut backup of its VM
 * left, and nothing that points, other VMs and what has expired left behind.
 */
#include "crypto/hash.h"
#include "fs/store/meter.h"
#include "fs/vault/object.h"
#include "fs/vault/signs.h"
#include "fs/vault/vault_session.h"
#include "tests/lib/plantpoints.h"
#include "tests/lib/prunefixture.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define ID_TEXT (2 * SESSION_ID_BYTES + 1)

static struct test_random r;

static int remove_path(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static void refill(struct fixture *f)
{
	for (size_t k = 0; k < f->n_disks; k++)
		test_random_fill(&r, f->disk[k]->bytes, f->disk[k]->size);
}

static void must_back_up(struct fixture *f)
{
	struct error err = ERROR_INIT;

	if (fixture_backup(f, &err) < 0)
		fail_msg("%s", err.text);
}

/* What a backup of an unchanged disk asks of the store, and how many objects its lists have. */
static uint64_t requests(struct fixture *f, struct store *meter, unsigned long *told)
{
	unsigned long before = cutstore_told(f->store);
	struct meter_stats a, b;

	store_meter_stats(meter, &a);
	must_back_up(f);
	store_meter_stats(meter, &b);
	*told = cutstore_told(f->store) - before;
	return b.gets + b.puts + b.stats + b.lists + b.removes - a.gets - a.puts - a.stats - a.lists - a.removes;
}

static void points_that_are_there_cost_a_backup_nothing(void **state)
{
	char root[] = "/tmp/test-resume-XXXXXX";
	struct error err = ERROR_INIT;
	struct store *meter;
	struct fixture *f;
	struct vault *v;
	unsigned long few_told, told;
	uint64_t few;

	(void)state;
	assert_non_null(mkdtemp(root));
	meter = store_meter_new(store_open(root, false, NULL), NULL);
	f = fixture_over(r, CHUNK_MIN, meter);
	fixture_add_disk(f, 100000, false);
	refill(f);
	must_back_up(f);
	few = requests(f, meter, &few_told);
	for (int i = 0; i < 8; i++)
		must_back_up(f);
	v = fixture_vault(f);
	if (plant_points(v, 2, 200, 1700000000, &err) < 0)
		fail_msg("%s", err.text);
	vault_free(v);
	assert_int_equal(requests(f, meter, &told), few);
	assert_int_equal(told, few_told);
	fixture_check(f);
	fixture_free(f);
	assert_int_equal(nftw(root, remove_path, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* "seg/<session>/" of a manifest's name or a session's id. */
static void segments_of(const char *name, char prefix[64])
{
	const char *slash = strrchr(name, '/');

	snprintf(prefix, 64, "seg/%.40s/", slash ? slash + 1 : name);
}

static void what_has_expired_is_not_read_by_backups(void **state)
{
	struct world w;
	char dead[2][64];

	(void)state;
	world_open(&w, &r, 0);
	for (int i = 0; i < 3; i++) {
		refill(w.f);			/* nothing of one point is in another */
		must_back_up(w.f);
		clockstore_advance(w.clock, 3600);
	}
	for (int i = 0; i < 2; i++)
		segments_of(w.f->point[i].object, dead[i]);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(world_prune(w.clock, w.f, 1, false, false).rc, 0);
		clockstore_advance(w.clock, 2 * DAY);
	}
	assert_int_equal(clockstore_objects(w.clock, "pt/", NULL), 1);
	clockstore_reset(w.clock);
	refill(w.f);
	fixture_forget(w.f, 0);
	fixture_forget(w.f, 0);
	must_back_up(w.f);
	for (int i = 0; i < 2; i++) {
		assert_true(clockstore_objects(w.clock, dead[i], NULL) > 0);
		assert_int_equal(clockstore_count(w.clock, CLOCK_GET, dead[i]), 0);
	}
	assert_int_equal(fixture_check(w.f), 2);
	world_close(&w);
}

/* A backup of that VM has stored three segments and runs, or was killed. */
static void leave_segments(struct world *w, const char *vm, char prefix[64])
{
	AUTO(vault_free) struct vault *v = fixture_vault(w->f);
	static const uint8_t name[CHUNK_NAME_BYTES] = { 1 }, chunk[CHUNK_MIN] = { 7 };
	char vm_id[VM_ID_TEXT], folder[128], id[ID_TEXT];
	struct vault_session *s;
	struct chunk_ref ref;

	assert_int_equal(vault_vm_id(v, vm, vm_id), 0);
	snprintf(folder, sizeof(folder), "pt/%s/20300101T000000Z-0123456789abcdef", vm_id);
	s = vault_session_begin(v, "backup", folder, NULL);
	assert_non_null(s);
	for (uint32_t i = 0; i < 3; i++) {
		AUTO(segment_writer_free) struct segment_writer *out =
			segment_writer_new(vault_ring(v), SEGMENT_DATA, vault_session_id(s), i, NULL);

		assert_int_equal(segment_writer_add(out, CHUNK_RAW, name, NULL, chunk, sizeof(chunk), CHUNK_MIN, &ref), 0);
		assert_int_equal(segment_writer_put(out, vault_store(v), NULL), 0);
	}
	hex_encode(vault_session_id(s), SESSION_ID_BYTES, id);
	segments_of(id, prefix);
	vault_session_free(s);
}

static void remove_signs(struct world *w)
{
	AUTO(vault_free) struct vault *v = fixture_vault(w->f);
	AUTO(free) struct sign *sign = NULL;
	size_t n;

	assert_int_equal(signs_list(v, OBJECT_SESSION, &sign, &n, NULL), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(signs_remove(v, OBJECT_SESSION, sign[i].id, NULL), 0);
}

/* The first backup stops after its first segment, the next one commits. */
static void cut_and_go_on(struct world *w, char prefix[64])
{
	struct error err = ERROR_INIT;
	char session[ID_TEXT];

	world_open(w, &r, 0);
	refill(w->f);
	cutstore_cut(w->f->store, CUT_BEFORE, "seg/", 2);
	assert_true(fixture_backup(w->f, &err) < 0);
	snprintf(session, sizeof(session), "%s", cutstore_cut_name(w->f->store) + 4);
	segments_of(session, prefix);
	cutstore_revive(w->f->store);
	remove_signs(w);			/* as if it had been told to stop */
	must_back_up(w->f);
	assert_int_equal(fixture_stored_twice(w->f), 0);
}

static void what_the_parent_needs_is_not_read_again(void **state)
{
	struct world w;
	char cut[64];

	(void)state;
	cut_and_go_on(&w, cut);
	assert_int_equal(clockstore_objects(w.clock, cut, NULL), 1);
	clockstore_reset(w.clock);
	must_back_up(w.f);
	assert_int_equal(clockstore_count(w.clock, CLOCK_GET, cut), 0);
	assert_int_equal(fixture_check(w.f), 2);
	world_close(&w);
}

static void a_mark_stays_while_segments_of_its_session_do(void **state)
{
	struct world w;
	char mark[64];

	(void)state;
	world_open(&w, &r, 0);
	refill(w.f);
	must_back_up(w.f);
	snprintf(mark, sizeof(mark), "exp/%.24s", strrchr(w.f->point[0].object, '/') + 1);
	clockstore_advance(w.clock, 3600);
	for (int i = 0; i < 18; i++) {		/* more than 400 days; what was stored is the first one's */
		must_back_up(w.f);
		world_settle(&w, 1);
	}
	assert_int_equal(clockstore_objects(w.clock, mark, NULL), 1);
	refill(w.f);
	must_back_up(w.f);
	world_settle(&w, 1);
	assert_int_equal(clockstore_objects(w.clock, mark, NULL), 0);
	assert_int_equal(fixture_check(w.f), 1);
	world_close(&w);
}

static void backups_of_other_vms_are_not_looked_into(void **state)
{
	struct world w;
	char own[64], other[64];

	(void)state;
	world_open(&w, &r, 1);
	leave_segments(&w, "vm one", own);
	leave_segments(&w, "vm two", other);
	clockstore_reset(w.clock);
	world_back_up(&w, &r);
	assert_int_equal(clockstore_count(w.clock, CLOCK_GET, own), 3);
	assert_int_equal(clockstore_count(w.clock, CLOCK_GET, other), 0);
	remove_signs(&w);		/* now nothing but its chunks' names tells whose it is */
	clockstore_reset(w.clock);
	world_back_up(&w, &r);
	assert_int_equal(clockstore_count(w.clock, CLOCK_GET, other), 1);
	fixture_check(w.f);
	world_close(&w);
}

/* What a collector does to a session that it takes for dead. */
static void end_all_sessions(void *arg)
{
	struct fixture *f = arg;
	AUTO(vault_free) struct vault *v = fixture_vault(f);
	AUTO(free) struct sign *sign = NULL;
	size_t n;

	assert_int_equal(signs_list(v, OBJECT_SESSION, &sign, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_int_equal(object_put(vault_store(v), vault_ring(v), OBJECT_TOMBSTONE, sign[0].target, "{}", 2, NULL), 0);
}

static void a_backup_that_was_ended_at_its_commit_uses_what_it_stored(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, &r, 0);
	refill(w.f);
	clockstore_before(w.clock, CLOCK_PUT, "pt/", end_all_sessions, w.f);
	must_back_up(w.f);
	assert_int_equal(clockstore_objects(w.clock, "pt/", NULL), 2);	/* the tombstone is one */
	assert_int_equal(fixture_stored_twice(w.f), 0);
	assert_int_equal(fixture_check(w.f), 1);
	world_settle(&w, 1);
	assert_int_equal(clockstore_objects(w.clock, "ses/", NULL), 0);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(points_that_are_there_cost_a_backup_nothing),
		cmocka_unit_test(what_has_expired_is_not_read_by_backups),
		cmocka_unit_test(what_the_parent_needs_is_not_read_again),
		cmocka_unit_test(a_mark_stays_while_segments_of_its_session_do),
		cmocka_unit_test(backups_of_other_vms_are_not_looked_into),
		cmocka_unit_test(a_backup_that_was_ended_at_its_commit_uses_what_it_stored),
	};

	r = test_random_seeded("resume");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
