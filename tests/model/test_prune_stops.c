/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A prune that stops for ever after its n-th change to the store, for every n
 * there is; and sessions that sleep through the day on which they are ended.
 * What is committed and wanted stays whole, the next backup goes on, and the
 * garbage goes in the end.  TEST_SEED repeats a run.
 */
#include "fs/vault/collect.h"
#include "fs/vault/expire.h"
#include "fs/vault/vault_session.h"
#include "tests/lib/prunefixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct test_random r;

static struct pruned prune(struct clockstore *c, struct fixture *f, unsigned keep, bool compact)
{
	struct pruned p = world_prune(c, f, keep, compact, false);

	if (p.rc < 0)
		fail_msg("%s: %s", p.err.object, p.err.text);
	return p;
}

/* Points of f, read from c. */
static void check(struct clockstore *c, struct fixture *f)
{
	struct cutstore *mine = f->store;

	f->store = cutstore_over(clockstore_share(c));
	assert_int_equal(fixture_check(f), f->n_points);
	cutstore_free(f->store);
	f->store = mine;
}

/* Days go by: everything that nobody needs goes, and nothing else. */
static void must_come_clean(struct clockstore *c, struct fixture *f, unsigned keep)
{
	struct pruned p = { .rc = 0 };

	for (int i = 0; i < 5; i++) {
		clockstore_advance(c, i == 1 ? 8 * DAY : 2 * DAY);
		p = prune(c, f, keep, false);
	}
	if (p.note[0])
		fail_msg("%s", p.note);
	assert_int_equal(p.collect.unnamed, 0);
	assert_int_equal(p.compact.points, 0);
	assert_int_equal(clockstore_objects(c, "ses/", NULL), 0);
	assert_int_equal(clockstore_objects(c, "cond/", NULL), 0);
	assert_int_equal(clockstore_objects(c, "ref/", NULL), keep);
	check(c, f);
	world_verify(c, f);
}

/* Every stop of one prune; returns how many there were. */
static unsigned every_stop(struct clockstore *begin, struct fixture *f, unsigned keep, bool compact)
{
	for (unsigned n = 1;; n++) {
		struct clockstore *c = clockstore_copy(begin);
		bool stopped;

		clockstore_stop_after(c, (int)n);
		world_prune(c, f, keep, compact, false);
		stopped = clockstore_has_stopped(c);
		clockstore_stop_after(c, -1);
		check(c, f);
		if (stopped)
			must_come_clean(c, f, keep);
		clockstore_free(c);
		if (!stopped)
			return n - 1;
	}
}

static void a_prune_may_stop_at_any_change(void **state)
{
	struct world w;
	unsigned n = 0;

	(void)state;
	world_open(&w, &r, 6);
	prune(w.clock, w.f, 2, false);
	while (w.f->n_points > 2)
		fixture_forget(w.f, 0);
	clockstore_advance(w.clock, 8 * DAY);
	n += every_stop(w.clock, w.f, 2, false);	/* deletes points and collects */
	assert_true(n > 10);
	fprintf(stderr, "%u stops in a prune that deletes and collects\n", n);
	world_close(&w);
}

static void marking_may_stop_at_any_change(void **state)
{
	struct world w;
	unsigned n;

	(void)state;
	world_open(&w, &r, 5);
	for (n = 1;; n++) {
		struct clockstore *c = clockstore_copy(w.clock);
		bool stopped;

		clockstore_stop_after(c, (int)n);
		world_prune(c, w.f, 2, false, false);
		stopped = clockstore_has_stopped(c);
		clockstore_free(c);
		if (!stopped)
			break;
	}
	assert_true(n > 3);
	world_close(&w);
}

static void a_compact_may_stop_at_any_change(void **state)
{
	struct world w;
	unsigned n;

	(void)state;
	world_open(&w, &r, 1);
	test_random_fill(&r, w.f->disk[0]->bytes + 90000, w.f->disk[0]->size - 90000);
	world_back_up(&w, &r);
	world_back_up(&w, &r);
	world_settle(&w, 2);
	n = every_stop(w.clock, w.f, 2, true);
	assert_true(n > 10);
	fprintf(stderr, "%u stops in a compact of two points\n", n);
	world_close(&w);
}

/* A backup sleeps before it commits; meanwhile it is taken for dead. */
static void sleep_long(void *arg)
{
	struct world *w = arg;
	struct pruned p;

	clockstore_advance(w->clock, COLLECT_SILENT + 100);
	p = prune(w->clock, w->f, 2, false);
	assert_int_equal(p.collect.sessions_ended, 1);
}

static void a_backup_that_slept_begins_again(void **state)
{
	struct world w;
	struct error err = ERROR_INIT;
	size_t tombs;

	(void)state;
	world_open(&w, &r, 4);
	prune(w.clock, w.f, 2, false);
	while (w.f->n_points > 2)
		fixture_forget(w.f, 0);
	clockstore_advance(w.clock, 9 * DAY);
	prune(w.clock, w.f, 2, false);
	world_back_up(&w, &r);		/* something that can be condemned again later */
	prune(w.clock, w.f, 2, false);
	fixture_forget(w.f, 0);
	clockstore_advance(w.clock, 9 * DAY);
	tombs = clockstore_objects(w.clock, "pt/", NULL);
	test_random_fill(&r, w.f->disk[0]->bytes, 300000);
	clockstore_before(w.clock, CLOCK_PUT, "ref/", sleep_long, &w);
	if (fixture_backup(w.f, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(clockstore_objects(w.clock, "pt/", NULL) >= tombs);
	assert_int_equal(fixture_check(w.f), 3);
	world_verify(w.clock, w.f);
	while (w.f->n_points > 2)
		fixture_forget(w.f, 0);
	must_come_clean(w.clock, w.f, 2);
	world_close(&w);
}

/* A backup that runs is waited for: what it may use stays until it has ended. */
static void prune_beside(void *arg)
{
	struct world *w = arg;
	struct pruned p = prune(w->clock, w->f, 2, false);

	assert_int_equal(p.collect.deleted, 0);
	assert_true(p.collect.waiting > 0);
	assert_non_null(strstr(p.note, "wait until session"));
}

static void a_backup_that_runs_is_waited_for(void **state)
{
	struct world w;
	struct error err = ERROR_INIT;
	struct pruned p;

	(void)state;
	world_open(&w, &r, 4);
	prune(w.clock, w.f, 2, false);
	while (w.f->n_points > 2)
		fixture_forget(w.f, 0);
	clockstore_advance(w.clock, 9 * DAY);
	test_random_fill(&r, w.f->disk[0]->bytes, 300000);
	clockstore_before(w.clock, CLOCK_PUT, "ref/", prune_beside, &w);
	if (fixture_backup(w.f, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(clockstore_objects(w.clock, "cond/", NULL), 1);
	p = prune(w.clock, w.f, 3, false);
	assert_true(p.collect.deleted > 0);
	assert_int_equal(fixture_check(w.f), 3);
	world_verify(w.clock, w.f);
	world_close(&w);
}

/* Garbage that a collector condemned: a backup that begins now does not use it. */
static struct pruned beside;

static void back_up_beside(void *arg)
{
	struct world *w = arg;
	struct error err = ERROR_INIT;

	if (fixture_backup(w->f, &err) < 0)
		fail_msg("%s", err.text);
}

static void a_backup_that_begins_beside_a_collection_avoids_what_it_condemned(void **state)
{
	static const enum clock_op ops[] = { CLOCK_PUT, CLOCK_LIST, CLOCK_PUT, CLOCK_REMOVE, CLOCK_REMOVE };
	static const char *const names[] = { "cond/", "ses/", "cond/", "seg/", "cond/" };
	struct error err = ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		struct world w;
		struct vault *v;

		world_open(&w, &r, 2);
		/* A backup that was cut leaves segments of what the disks are now. */
		test_random_fill(&r, w.f->disk[0]->bytes, 300000);
		cutstore_cut(w.f->store, CUT_BEFORE, "ref/", 1);
		assert_int_equal(fixture_backup(w.f, &err) < 0, 1);
		cutstore_revive(w.f->store);
		v = fixture_vault(w.f);
		clockstore_advance(w.clock, 9 * DAY);
		clockstore_before(w.clock, ops[i], names[i], back_up_beside, &w);
		beside = prune(w.clock, w.f, 9, false);
		assert_int_equal(w.f->n_points, 3);
		assert_int_equal(fixture_check(w.f), 3);
		world_verify(w.clock, w.f);
		clockstore_advance(w.clock, 2 * DAY);
		prune(w.clock, w.f, 9, false);
		assert_int_equal(fixture_check(w.f), 3);
		world_verify(w.clock, w.f);
		vault_free(v);
		world_close(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_prune_may_stop_at_any_change),
		cmocka_unit_test(marking_may_stop_at_any_change),
		cmocka_unit_test(a_compact_may_stop_at_any_change),
		cmocka_unit_test(a_backup_that_slept_begins_again),
		cmocka_unit_test(a_backup_that_runs_is_waited_for),
		cmocka_unit_test(a_backup_that_begins_beside_a_collection_avoids_what_it_condemned),
	};

	r = test_random_seeded("prune stops");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
