/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs by the store's time: one backup of a VM at a time, whoever asks; the
 * dead are told and settled once, and cannot commit; cancelling; old records go.
 */
#include "fs/policy/job_run.h"
#include "fs/vault/object.h"
#include "fs/vault/vault_session.h"
#include "tests/lib/prunefixture.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct test_random r;

static struct vault *open_vault(struct world *w)
{
	struct vault *v = fixture_vault(w->f);

	assert_non_null(v);
	return v;
}

static struct job_run *begin(struct vault *v, enum job_operation operation, struct error *err)
{
	struct job_want want = { .operation = operation, .vm = "vm one", .task = "Take Snapshot", .scheduled = true };

	error_clear(err);
	return job_run_begin(v, &want, err);
}

static size_t list(struct vault *v, struct job_record **jobs)
{
	size_t n = 0;

	assert_int_equal(job_list(v, NULL, jobs, &n, NULL), 0);
	return n;
}

static void one_backup_at_a_time_and_any_number_of_restores(void **state)
{
	struct error err = ERROR_INIT;
	struct job_run *a, *b;
	struct job_record last;
	struct world w;
	struct vault *v;

	(void)state;
	world_open(&w, &r, 1);
	v = open_vault(&w);
	a = begin(v, JOB_BACKUP, &err);
	assert_non_null(a);
	assert_null(begin(v, JOB_BACKUP, &err));
	assert_int_equal(err.code, EBUSY);
	b = begin(v, JOB_RESTORE, &err);
	assert_non_null(b);
	assert_int_equal(job_run_end(b, 0, NULL, &last, NULL), 0);
	assert_int_equal(last.state, JOB_COMPLETED);
	assert_int_equal(last.number, 2);
	job_run_warn(a, &(struct error){ .text = "w\xff" });
	assert_int_equal(job_run_end(a, 0, NULL, &last, NULL), 0);
	assert_int_equal(last.state, JOB_WARNINGS);
	assert_string_equal(last.warning[0].text, "w?");
	a = begin(v, JOB_BACKUP, &err);
	assert_non_null(a);
	error_set(&err, EHOSTUNREACH, "out of reach");
	assert_int_equal(job_run_end(a, -EHOSTUNREACH, &err, &last, NULL), 0);
	assert_int_equal(last.state, JOB_FAILED);
	assert_string_equal(last.code, "ExtensionSnapshotFailedNoNetwork");
	assert_true(last.error.next[0]);
	assert_int_equal(clockstore_objects(w.clock, "job/", NULL), 3);
	vault_free(v);
	world_close(&w);
}

/* A record without a process behind it, as a host leaves that is gone. */
static void plant(struct vault *v, uint64_t number, enum job_operation operation, int64_t begun)
{
	struct job_record j = { .number = number, .operation = operation, .begun = begun, .left = -1, .pid = 4711 };
	AUTO(free) char *text = NULL;
	char name[96];

	assert_int_equal(vault_vm_id(v, "vm one", j.vm_id), 0);
	snprintf(j.host, sizeof(j.host), "elsewhere");
	text = job_to_json(&j);
	job_object_number(&j, 0, name);
	assert_int_equal(object_put(vault_store(v), vault_ring(v), OBJECT_JOB, name, text, strlen(text), NULL), 0);
}

static void a_silent_one_is_dead_and_settled_once(void **state)
{
	struct error err = ERROR_INIT;
	struct job_record *jobs, last;
	struct job_run *a;
	struct world w;
	struct vault *v;

	(void)state;
	world_open(&w, &r, 1);
	v = open_vault(&w);
	plant(v, 1, JOB_BACKUP, clockstore_now(w.clock));
	clockstore_advance(w.clock, JOB_SILENT - 1);
	assert_null(begin(v, JOB_BACKUP, &err));
	assert_int_equal(err.code, EBUSY);
	clockstore_advance(w.clock, 2);
	assert_int_equal(list(v, &jobs), 1);
	assert_int_equal(jobs[0].state, JOB_FAILED);
	assert_true(jobs[0].open && jobs[0].dead);
	free(jobs);
	a = begin(v, JOB_BACKUP, &err);
	assert_non_null(a);
	assert_int_equal(list(v, &jobs), 2);
	assert_int_equal(jobs[0].state, JOB_FAILED);
	assert_false(jobs[0].open);
	assert_int_equal(jobs[1].state, JOB_IN_PROGRESS);
	assert_int_equal(job_settle(v, &jobs[0], &err), 0);	/* again: nothing changes */
	assert_int_equal(jobs[0].state, JOB_FAILED);
	free(jobs);
	assert_int_equal(job_run_end(a, 0, NULL, &last, NULL), 0);
	vault_free(v);
	world_close(&w);
}

static void a_dead_one_whose_point_is_there_completed(void **state)
{
	struct error err = ERROR_INIT;
	struct job_record *jobs;
	struct world w;
	struct vault *v;

	(void)state;
	world_open(&w, &r, 1);
	v = open_vault(&w);
	clockstore_advance(w.clock, 100);
	plant(v, 1, JOB_BACKUP, clockstore_now(w.clock));
	world_back_up(&w, &r);
	assert_int_equal(list(v, &jobs), 1);
	assert_true(jobs[0].dead);
	assert_int_equal(job_settle(v, &jobs[0], &err), 0);
	assert_int_equal(jobs[0].state, JOB_COMPLETED);
	assert_non_null(strstr(w.f->point[1].object, jobs[0].point));
	free(jobs);
	plant(v, 2, JOB_BACKUP, clockstore_now(w.clock) - 7200);	/* that point is the other job's */
	clockstore_advance(w.clock, JOB_SILENT + 1);
	assert_int_equal(list(v, &jobs), 2);
	assert_int_equal(job_settle(v, &jobs[1], &err), 0);
	assert_int_equal(jobs[1].state, JOB_FAILED);
	free(jobs);
	vault_free(v);
	world_close(&w);
}

static void the_sessions_of_a_dead_one_cannot_commit(void **state)
{
	struct error err = ERROR_INIT;
	struct vault_session *s;
	struct job_record *jobs, j = { .number = 1, .operation = JOB_BACKUP, .left = -1 };
	AUTO(free) char *text = NULL;
	char folder[64], name[96], host[256] = "";
	struct world w;
	struct vault *v;

	(void)state;
	world_open(&w, &r, 1);
	v = open_vault(&w);
	plant(v, 1, JOB_BACKUP, clockstore_now(w.clock));
	assert_int_equal(list(v, &jobs), 1);
	j = jobs[0];
	free(jobs);
	gethostname(host, sizeof(host) - 1);		/* this process's session, as if it were that job's */
	snprintf(j.host, sizeof(j.host), "%.63s", host);
	j.pid = getpid();
	j.number = 2;
	text = job_to_json(&j);
	job_object_number(&j, 0, name);
	assert_int_equal(object_put(vault_store(v), vault_ring(v), OBJECT_JOB, name, text, strlen(text), NULL), 0);
	snprintf(folder, sizeof(folder), "pt/%s/20300101T000000Z-0123456789abcdef", j.vm_id);
	s = vault_session_begin(v, "backup", folder, &err);
	assert_non_null(s);
	assert_int_equal(clockstore_objects(w.clock, folder, NULL), 0);
	clockstore_advance(w.clock, JOB_SILENT + 1);
	assert_int_equal(job_settle(v, &j, &err), 0);
	assert_int_equal(clockstore_objects(w.clock, folder, NULL), 1);		/* a tombstone */
	assert_int_equal(j.state, JOB_FAILED);
	vault_session_end(s);
	vault_free(v);
	world_close(&w);
}

static void whoever_was_ended_is_told_before_the_commit(void **state)
{
	struct error err = ERROR_INIT;
	struct job_record *jobs, last;
	struct job_run *a;
	struct world w;
	struct vault *v;

	(void)state;
	world_open(&w, &r, 1);
	v = open_vault(&w);
	a = begin(v, JOB_BACKUP, &err);
	assert_int_equal(job_run_look(a), 0);
	assert_int_equal(list(v, &jobs), 1);
	assert_int_equal(job_settle(v, &jobs[0], &err), 0);
	free(jobs);
	assert_int_equal(job_run_look(a), -ESTALE);
	assert_int_equal(job_run_end(a, -ESTALE, &err, &last, &err), -ESTALE);
	assert_int_equal(list(v, &jobs), 1);
	assert_int_equal(jobs[0].state, JOB_FAILED);
	free(jobs);
	vault_free(v);
	world_close(&w);
}

static void a_request_to_cancel_is_seen(void **state)
{
	struct error err = ERROR_INIT;
	struct job_record *jobs, last;
	struct job_run *a;
	struct world w;
	struct vault *v;

	(void)state;
	world_open(&w, &r, 1);
	v = open_vault(&w);
	a = begin(v, JOB_BACKUP, &err);
	assert_int_equal(job_run_progress(a, 5, 10, 1), 0);
	assert_int_equal(list(v, &jobs), 1);
	assert_int_equal(job_cancel(v, &jobs[0], &err), 0);
	assert_int_equal(job_cancel(v, &jobs[0], &err), 0);
	free(jobs);
	assert_int_equal(list(v, &jobs), 1);
	assert_int_equal(jobs[0].state, JOB_CANCELLING);
	free(jobs);
	assert_int_equal(job_run_look(a), -ECANCELED);
	assert_int_equal(job_run_end(a, -ECANCELED, &err, &last, NULL), 0);
	assert_int_equal(last.state, JOB_CANCELLED);
	assert_int_equal(job_cancel(v, &last, &err), -EALREADY);
	vault_free(v);
	world_close(&w);
}

static void old_records_go_but_for_the_last_that_matter(void **state)
{
	struct error err = ERROR_INIT;
	struct job_record *jobs;
	uint64_t n = 0;
	struct world w;
	struct vault *v;

	(void)state;
	world_open(&w, &r, 1);
	v = open_vault(&w);
	for (int i = 0; i < 3; i++)
		assert_int_equal(job_run_end(begin(v, JOB_BACKUP, &err), 0, NULL, NULL, NULL), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(job_run_end(begin(v, JOB_RESTORE, &err), -EIO, &err, NULL, NULL), 0);
	clockstore_advance(w.clock, JOB_KEPT + 1);
	assert_int_equal(job_drop_old(v, &n, &err), 0);
	assert_int_equal(n, 3);
	assert_int_equal(list(v, &jobs), 2);
	assert_int_equal(jobs[0].number, 3);		/* the last backup that worked */
	assert_int_equal(jobs[1].number, 5);		/* and the last of all: numbers go on from there */
	free(jobs);
	vault_free(v);
	world_close(&w);
}

struct racer {
	struct vault *vault;
	pthread_barrier_t *barrier;
	unsigned won;
};

static void *race(void *arg)
{
	struct racer *me = arg;
	struct error err = ERROR_INIT;
	struct job_run *run;

	pthread_barrier_wait(me->barrier);
	run = begin(me->vault, JOB_BACKUP, &err);
	assert_true(run || err.code == EBUSY);
	me->won = run != NULL;
	pthread_barrier_wait(me->barrier);
	job_run_end(run, 0, NULL, NULL, NULL);
	return NULL;
}

static void of_those_who_begin_at_once_one_does(void **state)
{
	enum { N = 6 };
	struct racer racers[N];
	pthread_t threads[N];
	pthread_barrier_t barrier;
	struct world w;

	(void)state;
	world_open(&w, &r, 1);
	pthread_barrier_init(&barrier, NULL, N);
	for (int round = 0; round < 20; round++) {
		unsigned won = 0;

		for (int i = 0; i < N; i++)
			racers[i] = (struct racer){ open_vault(&w), &barrier, 0 };
		for (int i = 0; i < N; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
		for (int i = 0; i < N; i++) {
			pthread_join(threads[i], NULL);
			won += racers[i].won;
			vault_free(racers[i].vault);
		}
		assert_int_equal(won, 1);
	}
	pthread_barrier_destroy(&barrier);
	world_close(&w);
}

static void hostile_texts_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "[]", "{}", "{\"operation\":\"Backup\"}", "{\"operation\":\"Format\",\"state\":\"Failed\"}",
		"{\"operation\":\"Backup\",\"state\":\"Failed\",\"begun\":\"-1\"}",
		"{\"operation\":\"Backup\",\"state\":\"Failed\",\"tasks\":[{},{},{},{},{}]}",
		"{\"operation\":\"Backup\",\"state\":\"Failed\",\"begun\":\"18446744073709551615\"}",
	};
	struct job_record j;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		j = (struct job_record){ .number = 1 };
		assert_int_equal(job_from_json(bad[i], strlen(bad[i]), &j), -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_backup_at_a_time_and_any_number_of_restores),
		cmocka_unit_test(a_silent_one_is_dead_and_settled_once),
		cmocka_unit_test(a_dead_one_whose_point_is_there_completed),
		cmocka_unit_test(the_sessions_of_a_dead_one_cannot_commit),
		cmocka_unit_test(whoever_was_ended_is_told_before_the_commit),
		cmocka_unit_test(a_request_to_cancel_is_seen),
		cmocka_unit_test(old_records_go_but_for_the_last_that_matter),
		cmocka_unit_test(of_those_who_begin_at_once_one_does),
		cmocka_unit_test(hostile_texts_are_refused),
	};

	r = test_random_seeded("job");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
