/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run has to do, by the store's clock, which is the test's: a year of
 * quarter hours with hosts that are off, backups that fail and processes that
 * die.  No slot is served twice, none that passed is forgotten, and after
 * downtime one backup makes up for all.
 */
#include "fs/policy/due.h"
#include "fs/policy/job_run.h"
#include "fs/vault/object.h"
#include "tests/lib/prunefixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define QUARTER 900

static struct test_random r;

static void protect(struct vault *v, const char *vm, const char *policy, enum item_state state, int64_t since)
{
	struct item it = { .state = state, .since = since, .created = since, .n_disks = 1 };

	it.disk = calloc(1, sizeof(*it.disk));
	assert_non_null(it.disk);
	it.disk->source = strdup("/nowhere");
	it.disk->encryption = strdup("");
	snprintf(it.disk->name, sizeof(it.disk->name), "os");
	snprintf(it.vm, sizeof(it.vm), "%s", vm);
	snprintf(it.policy, sizeof(it.policy), "%s", policy);
	assert_int_equal(vault_vm_id(v, vm, it.vm_id), 0);
	assert_int_equal(item_put(v, &it, 1, NULL), 0);
	item_clear(&it);
}

static struct due_item *find(struct due_list *d, const char *vm)
{
	for (size_t i = 0; i < d->n; i++)
		if (!strcmp(d->item[i].item.vm, vm))
			return &d->item[i];
	fail_msg("no item %s", vm);
	return NULL;
}

/* A job of that item as another process, on another host, leaves it: with or without its last word. */
static void leave(struct vault *v, const struct due_item *d, int64_t now, enum job_state state, uint64_t *number)
{
	struct job_record j = { .number = ++*number, .operation = JOB_BACKUP, .state = state, .scheduled = true,
				.begun = now, .ended = job_has_ended(&(struct job_record){ .state = state }) ? now + 60 : 0,
				.left = -1, .pid = 4711, .host = "elsewhere" };
	AUTO(free) char *text = NULL;
	char name[96];

	snprintf(j.vm_id, sizeof(j.vm_id), "%s", d->item.vm_id);
	text = job_to_json(&j);
	job_object(&j, state == JOB_IN_PROGRESS ? "0" : "end", name);
	assert_int_equal(object_put(vault_store(v), vault_ring(v), OBJECT_JOB, name, text, strlen(text), NULL), 0);
}

static void a_year_with_downtime_failures_and_deaths(void **state)
{
	struct error err = ERROR_INIT;
	struct world w;
	struct vault *v;
	int64_t last_slot = 0, wait_until = 0;
	uint64_t number = 0;
	static const enum job_state comes_to[] = { JOB_FAILED, JOB_IN_PROGRESS, JOB_COMPLETED, JOB_COMPLETED };
	unsigned came[4] = { 0 }, made, missed = 0;
	uint64_t come;

	(void)state;
	world_open(&w, &r, 1);
	v = fixture_vault(w.f);
	protect(v, "web", POLICY_DEFAULT, ITEM_PROTECTED, clockstore_now(w.clock));
	for (int64_t end = clockstore_now(w.clock) + 365 * DAY; clockstore_now(w.clock) < end; clockstore_advance(w.clock, QUARTER)) {
		struct due_list d;
		struct due_item *i;

		if (test_random_below(&r, 1000) == 0) {		/* off for up to five days */
			clockstore_advance(w.clock, (int64_t)test_random_below(&r, 5 * DAY));
			missed++;
		}
		assert_int_equal(due_list_take(v, &d, &err), 0);
		i = find(&d, "web");
		if (i->state == DUE_NOW) {
			bool again = i->slot == last_slot;

			assert_true(i->slot <= d.now);
			assert_true(i->slot > i->last);			/* never one that was served */
			assert_true(d.now - i->slot < DAY);		/* the newest slot that passed, not an old one */
			if (again)
				assert_true(d.now >= wait_until);
			last_slot = i->slot;
			come = test_random_below(&r, 4);
			leave(v, i, d.now, comes_to[come], &number);
			wait_until = d.now + (come ? JOB_SILENT + 1 : 60 + DUE_AGAIN_SECONDS);
			came[come]++;
		} else if (i->state == DUE_LATER) {
			assert_true(i->slot > d.now && i->slot - d.now <= DAY);
		} else {
			assert_true(i->state == DUE_AGAIN || i->state == DUE_RUNNING);
			assert_true(d.now < wait_until + DUE_AGAIN_SECONDS);
		}
		due_list_clear(&d);
	}
	made = came[2] + came[3];
	fprintf(stderr, "%u made, %u failed, %u died, off %u times\n", made, came[0], came[1], missed);
	assert_true(made > 200 && made <= 366 && came[0] > 20 && came[1] > 20);
	vault_free(v);
	world_close(&w);
}

static void what_is_not_protected_is_never_due(void **state)
{
	struct error err = ERROR_INIT;
	struct due_list d;
	struct world w;
	struct vault *v;

	(void)state;
	world_open(&w, &r, 1);
	v = fixture_vault(w.f);
	protect(v, "stopped", POLICY_DEFAULT, ITEM_STOPPED, WORLD_BEGIN);
	protect(v, "deleted", POLICY_DEFAULT, ITEM_DELETED, WORLD_BEGIN);
	protect(v, "orphan", "no-such-policy", ITEM_PROTECTED, WORLD_BEGIN);
	protect(v, "new", POLICY_DEFAULT, ITEM_PROTECTED, WORLD_BEGIN + 100 * DAY);
	clockstore_advance(w.clock, 100 * DAY);
	assert_int_equal(due_list_take(v, &d, &err), 0);
	assert_int_equal(d.n, 4);
	assert_int_equal(find(&d, "stopped")->state, DUE_NEVER);
	assert_int_equal(find(&d, "deleted")->state, DUE_NEVER);
	assert_int_equal(find(&d, "orphan")->state, DUE_NEVER);
	assert_int_equal(find(&d, "new")->state, DUE_LATER);
	due_list_clear(&d);
	vault_free(v);
	world_close(&w);
}

static void a_slot_that_was_served_meanwhile_is_not_served_again(void **state)
{
	struct job_want want = { .operation = JOB_BACKUP, .vm = "web", .task = "Take Snapshot", .scheduled = true };
	struct error err = ERROR_INIT;
	struct due_list d;
	struct world w;
	struct vault *v;
	struct job_run *run;

	(void)state;
	world_open(&w, &r, 1);
	v = fixture_vault(w.f);
	protect(v, "web", POLICY_DEFAULT, ITEM_PROTECTED, WORLD_BEGIN);
	clockstore_advance(w.clock, 10 * DAY);
	assert_int_equal(due_list_take(v, &d, &err), 0);
	want.slot = find(&d, "web")->slot;
	assert_int_equal(job_run_end(job_run_begin(v, &want, &err), 0, NULL, NULL, NULL), 0);
	assert_null(job_run_begin(v, &want, &err));		/* a run that looked before that */
	assert_int_equal(err.code, EALREADY);
	want.scheduled = false;					/* on demand: whenever */
	run = job_run_begin(v, &want, &err);
	assert_non_null(run);
	assert_int_equal(job_run_end(run, 0, NULL, NULL, NULL), 0);
	due_list_clear(&d);
	assert_int_equal(due_list_take(v, &d, &err), 0);
	assert_int_equal(find(&d, "web")->state, DUE_LATER);
	due_list_clear(&d);
	vault_free(v);
	world_close(&w);
}

static void one_that_always_dies_is_not_tried_without_end(void **state)
{
	struct error err = ERROR_INIT;
	struct due_list d;
	struct world w;
	struct vault *v;
	uint64_t number = 0;

	(void)state;
	world_open(&w, &r, 1);
	v = fixture_vault(w.f);
	protect(v, "web", POLICY_DEFAULT, ITEM_PROTECTED, WORLD_BEGIN);
	clockstore_advance(w.clock, 10 * DAY);
	for (unsigned i = 0; i < DUE_DEATHS; i++) {
		assert_int_equal(due_list_take(v, &d, &err), 0);
		assert_int_equal(find(&d, "web")->state, DUE_NOW);
		leave(v, find(&d, "web"), d.now, JOB_IN_PROGRESS, &number);
		due_list_clear(&d);
		assert_int_equal(due_list_take(v, &d, &err), 0);
		assert_int_equal(find(&d, "web")->state, DUE_RUNNING);
		due_list_clear(&d);
		clockstore_advance(w.clock, JOB_SILENT + 1);
	}
	assert_int_equal(due_list_take(v, &d, &err), 0);
	assert_int_equal(find(&d, "web")->state, DUE_AGAIN);
	due_list_clear(&d);
	clockstore_advance(w.clock, DUE_AGAIN_SECONDS);
	assert_int_equal(due_list_take(v, &d, &err), 0);
	assert_int_equal(find(&d, "web")->state, DUE_NOW);
	due_list_clear(&d);
	vault_free(v);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_year_with_downtime_failures_and_deaths),
		cmocka_unit_test(what_is_not_protected_is_never_due),
		cmocka_unit_test(a_slot_that_was_served_meanwhile_is_not_served_again),
		cmocka_unit_test(one_that_always_dies_is_not_tried_without_end),
	};

	r = test_random_seeded("due");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
