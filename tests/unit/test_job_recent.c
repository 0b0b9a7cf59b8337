/* SPDX-License-Identifier: Apache-2.0 */
/* What a report needs of the jobs is found without reading them all; many small things are done several at once. */
#include "fs/policy/job.h"
#include "fs/util/parallel.h"
#include "fs/vault/object.h"
#include "tests/lib/clockstore.h"
#include "tests/lib/pointwriter.h"
#include "tests/lib/testlib.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define VMS 6u
#define JOBS 700u
#define HOUR 3600

static const char *vm_of(unsigned i, char out[VM_ID_TEXT])
{
	if (!i)
		return JOB_WHOLE_VAULT;
	snprintf(out, VM_ID_TEXT, "%016x", i);
	return out;
}

static void plant(struct vault *v, unsigned vm, uint64_t number, enum job_operation operation, enum job_state state,
		  int64_t now)
{
	bool over = state != JOB_IN_PROGRESS;
	struct job_record j = { .number = number, .operation = operation, .state = state, .begun = now - 60,
				.ended = over ? now : 0, .left = -1, .pid = 1 };
	char id[VM_ID_TEXT], name[96];
	AUTO(free) char *text = NULL;

	snprintf(j.vm_id, sizeof(j.vm_id), "%s", vm_of(vm, id));
	snprintf(j.host, sizeof(j.host), "elsewhere");
	text = job_to_json(&j);
	if (over)
		job_object(&j, "end", name);
	else
		job_object_number(&j, 0, name);
	assert_int_equal(object_put(vault_store(v), vault_ring(v), OBJECT_JOB, name, text, strlen(text), NULL), 0);
}

/* Jobs over some months, an hour or a few after each other. */
static void plant_random(struct vault *v, struct clockstore *clock, struct test_random *r)
{
	uint64_t number[VMS] = { 0 };

	for (unsigned i = 0; i < JOBS; i++) {
		unsigned vm = (unsigned)test_random_below(r, VMS);
		enum job_operation o = vm ? (test_random_below(r, 8) ? JOB_BACKUP : JOB_RESTORE)
					  : (test_random_below(r, 8) ? JOB_PRUNE : JOB_VERIFY);
		enum job_state s = test_random_below(r, 4) ? JOB_COMPLETED : test_random_below(r, 6) ? JOB_FAILED : JOB_IN_PROGRESS;

		if (vm == VMS - 1 && o == JOB_BACKUP && i > 50)
			o = JOB_RESTORE;	/* its newest backup is long ago */
		plant(v, vm, ++number[vm], o, s, clockstore_now(clock));
		clockstore_advance(clock, (int64_t)test_random_below(r, 5) * HOUR);
	}
}

static bool has(const struct job_record *list, size_t n, const struct job_record *j)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i].vm_id, j->vm_id) && list[i].number == j->number)
			return list[i].state == j->state && list[i].ended == j->ended;
	return false;
}

/* The newest of that kind in its VM; all: by VM and number. */
static bool is_newest(const struct job_record *all, size_t n, size_t i, bool good)
{
	const struct job_record *j = &all[i];
	bool is_good = j->state == JOB_COMPLETED || j->state == JOB_WARNINGS;

	for (size_t k = i + 1; k < n && !strcmp(all[k].vm_id, j->vm_id); k++)
		if (all[k].operation == j->operation && (!good || all[k].state == JOB_COMPLETED))
			return false;
	return !good || is_good;
}

static size_t newer_than(const struct job_record *all, size_t n, int64_t seen)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		k += all[i].seen > seen;
	return k;
}

static void what_matters_is_there_and_the_rest_is_not_read(void **state)
{
	struct test_random r = test_random_seeded("job_recent");

	(void)state;
	for (int round = 0; round < 8; round++) {
		struct clockstore *clock = clockstore_new(1795140000);
		struct vault *v = test_vault(clockstore_share(clock));
		size_t least = test_random_below(&r, 40), n_all, n, all_jobs;
		AUTO(free) struct job_record *all = NULL, *some = NULL;
		int64_t since;

		plant_random(v, clock, &r);
		since = clockstore_now(clock) - (int64_t)test_random_below(&r, 30) * 86400;
		assert_int_equal(job_list(v, NULL, &all, &n_all, NULL), 0);
		clockstore_reset(clock);
		assert_int_equal(job_list_recent(v, since, least, &some, &n, &all_jobs, NULL), 0);
		assert_int_equal(all_jobs, n_all);
		assert_int_equal(clockstore_count(clock, CLOCK_GET, "job/"), n);
		assert_true(n < n_all);
		for (size_t i = 0; i < n_all; i++) {
			const struct job_record *j = &all[i];
			bool vault = !strcmp(j->vm_id, JOB_WHOLE_VAULT);
			bool must = j->open || j->seen >= since || newer_than(all, n_all, j->seen) < least ||
				    (!vault && j->operation == JOB_BACKUP && is_newest(all, n_all, i, false)) ||
				    (vault && is_newest(all, n_all, i, true));

			assert_true(!must || has(some, n, j));
		}
		vault_free(v);
		clockstore_free(clock);
	}
}

/* A vault whose jobs all worked: no more is read than was asked for, and the newest of each VM. */
static void old_jobs_cost_nothing(void **state)
{
	struct clockstore *clock = clockstore_new(1795140000);
	struct vault *v = test_vault(clockstore_share(clock));
	AUTO(free) struct job_record *some = NULL;
	size_t n, all;

	(void)state;
	for (unsigned day = 0; day < 200; day++) {
		plant(v, 0, 2 * day + 1, JOB_PRUNE, JOB_COMPLETED, clockstore_now(clock));
		plant(v, 0, 2 * day + 2, JOB_VERIFY, JOB_COMPLETED, clockstore_now(clock));
		for (unsigned vm = 1; vm < VMS; vm++)
			plant(v, vm, day + 1, JOB_BACKUP, JOB_COMPLETED, clockstore_now(clock));
		clockstore_advance(clock, 86400);
	}
	assert_int_equal(job_list_recent(v, clockstore_now(clock) - 14 * 86400, 0, &some, &n, &all, NULL), 0);
	assert_int_equal(all, 200 * (VMS + 1));
	assert_int_equal(n, 14 * (VMS + 1));
	vault_free(v);
	clockstore_free(clock);
}

struct counting { _Atomic unsigned done[1000], running, most; size_t bad; };

static int count(void *arg, size_t i, struct error *err)
{
	struct counting *c = arg;
	unsigned now = atomic_fetch_add(&c->running, 1) + 1, most = atomic_load(&c->most);

	while (now > most && !atomic_compare_exchange_weak(&c->most, &most, now))
		;
	atomic_fetch_add(&c->done[i], 1);
	atomic_fetch_sub(&c->running, 1);
	return i >= c->bad ? error_set(err, EIO, "thing %zu", i) : 0;
}

static void each_thing_is_done_once_and_the_first_failure_is_told(void **state)
{
	static const unsigned most[] = { 0, 1, 2, 16, 500 };

	(void)state;
	for (size_t m = 0; m < sizeof(most) / sizeof(most[0]); m++) {
		struct counting c = { .bad = SIZE_MAX };
		struct error err = ERROR_INIT;

		assert_int_equal(parallel_each(0, most[m], count, &c, &err), 0);
		assert_int_equal(parallel_each(1000, most[m], count, &c, &err), 0);
		for (size_t i = 0; i < 1000; i++)
			assert_int_equal(c.done[i], 1);
		assert_true(c.most <= 65);
		assert_true(most[m] > 1 || c.most == 1);
		memset(&c, 0, sizeof(c));
		c.bad = 100;
		assert_int_equal(parallel_each(1000, most[m], count, &c, &err), -EIO);
		assert_string_equal(err.text, "thing 100");
		for (size_t i = 0; i < 100; i++)
			assert_int_equal(c.done[i], 1);
		assert_int_equal(c.done[999], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_matters_is_there_and_the_rest_is_not_read),
		cmocka_unit_test(old_jobs_cost_nothing),
		cmocka_unit_test(each_thing_is_done_once_and_the_first_failure_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
