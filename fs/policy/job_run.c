/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/policy/job_run.h"
#include "fs/policy/job_alive.h"
#include "fs/policy/job_private.h"
#include "fs/util/log.h"
#include "fs/vault/object.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TRIES 64	/* each lost one is another's job that began */

struct job_run {
	struct vault *vault;
	pthread_mutex_t lock;		/* guards what follows */
	pthread_cond_t stop;
	struct job_record job;
	uint64_t record;		/* number of the newest */
	int64_t beat;			/* seconds since boot, sleep included, of the last one that was put */
	int64_t begun;			/* likewise, of the job */
	int64_t store_begun;		/* the same moment by the store */
	bool stopping, cancelled, ended_by_another;
	pthread_mutex_t putting;	/* one beat at a time */
	pthread_t thread;
};

static int64_t seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec;
}

static int64_t store_seconds(const struct job_run *r)
{
	return r->store_begun + (seconds() - r->begun);
}

static int put_record(struct job_run *r, uint64_t number, const struct job_record *j, struct error *err)
{
	AUTO(free) char *text = job_to_json(j);
	char name[96];

	if (!text)
		return error_set(err, ENOMEM, "out of memory");
	job_object_number(j, number, name);
	return object_put(vault_store(r->vault), vault_ring(r->vault), OBJECT_JOB, name, text, strlen(text), err);
}

static bool is_there(struct job_run *r, const char *what)
{
	struct object o;
	char name[96];

	job_object(&r->job, what, name);
	return store_stat(vault_store(r->vault), name, &o, NULL) == 0;
}

/* What others put beside its records. */
static void look(struct job_run *r)
{
	bool cancel = is_there(r, "cancel"), end = is_there(r, "end");

	pthread_mutex_lock(&r->lock);
	r->ended_by_another = r->ended_by_another || (end && !r->stopping);
	if (cancel && !r->cancelled) {
		r->cancelled = true;
		r->job.state = JOB_CANCELLING;
	}
	pthread_mutex_unlock(&r->lock);
}

static void estimate(struct job_record *j, int64_t ran)
{
	j->left = -1;
	if (j->total_bytes && j->done_bytes && ran > 0 && j->done_bytes <= j->total_bytes)
		j->left = (int64_t)((double)(j->total_bytes - j->done_bytes) * (double)ran / (double)j->done_bytes);
}

/* Put the next record and take the one before away. */
static int beat(struct job_run *r)
{
	struct error err = ERROR_INIT;
	struct job_record now;
	char old[96];
	int rc;

	pthread_mutex_lock(&r->lock);
	estimate(&r->job, seconds() - r->begun);
	now = r->job;
	pthread_mutex_unlock(&r->lock);
	rc = put_record(r, r->record + 1, &now, &err);
	if (rc < 0 && rc != -EEXIST) {
		log_warning("the record of this job cannot be renewed: %s", err.text);
		return rc;
	}
	job_object_number(&now, r->record++, old);
	store_remove(vault_store(r->vault), old, NULL);
	pthread_mutex_lock(&r->lock);
	r->beat = seconds();
	pthread_mutex_unlock(&r->lock);
	return 0;
}

static int64_t since_beat(struct job_run *r)
{
	int64_t s;

	pthread_mutex_lock(&r->lock);
	s = seconds() - r->beat;
	pthread_mutex_unlock(&r->lock);
	return s;
}

static void beat_if_due(struct job_run *r, int64_t after)
{
	pthread_mutex_lock(&r->putting);
	if (since_beat(r) >= after && beat(r) == 0 && after > JOB_BEAT_SECONDS)
		look(r);		/* it slept, and others may have taken it for dead */
	pthread_mutex_unlock(&r->putting);
}

static void *live(void *arg)
{
	struct job_run *r = arg;

	pthread_mutex_lock(&r->lock);
	while (!r->stopping) {
		bool was = r->cancelled;
		struct timespec t;

		clock_gettime(CLOCK_MONOTONIC, &t);
		t.tv_sec += JOB_LOOK_SECONDS;
		pthread_cond_timedwait(&r->stop, &r->lock, &t);
		if (r->stopping)
			break;
		pthread_mutex_unlock(&r->lock);
		look(r);
		beat_if_due(r, r->cancelled && !was ? 0 : JOB_BEAT_SECONDS);
		pthread_mutex_lock(&r->lock);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

/* A backup keeps others out of its VM, a prune that a policy starts other such prunes. */
static bool keeps_out(const struct job_record *a, const struct job_record *b)
{
	return a->operation == b->operation &&
	       (a->operation == JOB_BACKUP || (a->operation == JOB_PRUNE && a->scheduled && b->scheduled));
}

static int settle_others(struct vault *v, const struct job_run *r, int64_t slot, struct error *err)
{
	AUTO(free) struct job_record *list = NULL;
	size_t n = 0;
	int rc = 0;

	if (!keeps_out(&r->job, &r->job))
		return 0;
	rc = job_list(v, r->job.vm_id, &list, &n, err);
	for (size_t i = 0; i < n && rc == 0; i++) {
		struct job_record *j = &list[i];
		char id[JOB_ID_TEXT];

		if (!keeps_out(&r->job, j))
			continue;
		if (j->dead)
			rc = job_settle(v, j, err);
		if (rc == 0 && slot && j->scheduled && j->begun >= slot && job_has_ended(j) && j->state != JOB_FAILED)
			return error_set(err, EALREADY, "that backup has been made meanwhile");
		if (!j->open || j->dead)
			continue;
		job_id(j, id);
		error_set(err, EBUSY, "%s of %.120s is under way, job %s (process %lld on %s)", j->operation == JOB_BACKUP ?
			  "UserErrorBackupOperationInProgress: a backup" : "a prune", j->vm[0] ? j->vm : "the vault", id,
			  (long long)j->pid, j->host);
		error_next(err, "Wait for it, or stop it: adebackup jobs cancel VAULT %s.", id);
		rc = -EBUSY;
	}
	return rc;
}

static int highest(struct vault *v, const char *vm_id, uint64_t *number, struct error *err)
{
	__attribute__((cleanup(job_listing_clear))) struct job_listing l = { .n = 0 };
	char prefix[32];
	int rc;

	snprintf(prefix, sizeof(prefix), "job/%s-", vm_id);
	rc = job_listing_take(v, prefix, &l, err);
	*number = rc == 0 && l.n ? l.row[l.n - 1].number : 0;
	return rc;
}

/* Whoever gets a number saw all jobs of lower ones: two backups cannot both be the next. */
static int claim(struct job_run *r, int64_t slot, struct error *err)
{
	uint64_t number;
	int rc = -EEXIST;

	for (int i = 0; rc == -EEXIST && i < TRIES; i++) {
		error_clear(err);
		rc = highest(r->vault, r->job.vm_id, &number, err);
		rc = rc < 0 ? rc : settle_others(r->vault, r, slot, err);
		if (rc < 0)
			return rc;
		r->job.number = number + 1;
		rc = put_record(r, 0, &r->job, err);
	}
	return rc;
}

static int fill(struct job_run *r, const struct job_want *w, struct error *err)
{
	struct job_record *j = &r->job;
	char host[256] = "";
	int rc = store_now(vault_store(r->vault), &j->begun, err);

	if (rc < 0)
		return rc;
	r->begun = r->beat = seconds();
	r->store_begun = j->begun;
	snprintf(j->vm_id, sizeof(j->vm_id), "%s", JOB_WHOLE_VAULT);
	if (w->vm && vault_vm_id(r->vault, w->vm, j->vm_id) < 0)
		return error_set(err, EINVAL, "the vault is open without its keys");
	j->operation = w->operation;
	j->scheduled = w->scheduled;
	j->left = -1;
	job_copy_text(j->vm, sizeof(j->vm), w->vm ? w->vm : "");
	job_copy_text(j->point, sizeof(j->point), w->point ? w->point : "");
	gethostname(host, sizeof(host) - 1);
	snprintf(j->host, sizeof(j->host), "%.63s", host);
	j->pid = getpid();
	job_process_text(j->alive, sizeof(j->alive));
	job_run_task(r, w->task);
	return 0;
}

static void job_run_free(struct job_run *r)
{
	pthread_mutex_destroy(&r->lock);
	pthread_mutex_destroy(&r->putting);
	pthread_cond_destroy(&r->stop);
	free(r);
}
DEFINE_CLEANUP(struct job_run *, job_run_free);

struct job_run *job_run_begin(struct vault *v, const struct job_want *want, struct error *err)
{
	AUTO(job_run_free) struct job_run *r = calloc(1, sizeof(*r));
	pthread_condattr_t attr;

	if (!r)
		return error_null(err, ENOMEM, "out of memory");
	r->vault = v;
	pthread_mutex_init(&r->lock, NULL);
	pthread_mutex_init(&r->putting, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->stop, &attr);
	pthread_condattr_destroy(&attr);
	if (fill(r, want, err) < 0 || claim(r, want->scheduled ? want->slot : 0, err) < 0)
		return NULL;
	if (pthread_create(&r->thread, NULL, live, r))
		return error_null(err, EAGAIN, "no thread can be started");
	return TAKE(r);
}

void job_run_task(struct job_run *r, const char *name)
{
	struct job_task *last;

	if (!r || !name)
		return;
	pthread_mutex_lock(&r->lock);
	last = r->job.n_tasks ? &r->job.task[r->job.n_tasks - 1] : NULL;
	if ((!last || strcmp(last->name, name)) && r->job.n_tasks < JOB_TASKS_MAX) {
		if (last) {
			last->state = JOB_COMPLETED;
			last->ended = store_seconds(r);
		}
		last = &r->job.task[r->job.n_tasks++];
		*last = (struct job_task){ .state = JOB_IN_PROGRESS, .begun = store_seconds(r) };
		snprintf(last->name, sizeof(last->name), "%s", name);
	}
	pthread_mutex_unlock(&r->lock);
}

void job_run_point(struct job_run *r, const char *point)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	job_copy_text(r->job.point, sizeof(r->job.point), point);
	pthread_mutex_unlock(&r->lock);
}

void job_run_warn(struct job_run *r, const struct error *w)
{
	struct job_words *to;

	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	if (r->job.n_warnings < JOB_WARNINGS_MAX) {
		to = &r->job.warning[r->job.n_warnings++];
		job_copy_text(to->text, sizeof(to->text), w->text);
		job_copy_text(to->next, sizeof(to->next), w->next);
	} else {
		r->job.more_warnings++;
	}
	pthread_mutex_unlock(&r->lock);
}

int job_run_check(struct job_run *r)
{
	int rc;

	if (!r)
		return 0;
	if (since_beat(r) >= JOB_SILENT / 2)
		beat_if_due(r, JOB_SILENT / 2);
	pthread_mutex_lock(&r->lock);
	/* Who cannot show that it is alive is taken for dead by now. */
	rc = r->ended_by_another || seconds() - r->beat >= JOB_SILENT ? -ESTALE : r->cancelled ? -ECANCELED : 0;
	pthread_mutex_unlock(&r->lock);
	return rc;
}

int job_run_look(struct job_run *r)
{
	if (r)
		look(r);
	return job_run_check(r);
}

int job_run_progress(struct job_run *r, uint64_t done, uint64_t total, uint64_t new_bytes)
{
	if (!r)
		return 0;
	pthread_mutex_lock(&r->lock);
	r->job.done_bytes = done;
	r->job.total_bytes = total;
	r->job.new_bytes = new_bytes;
	pthread_mutex_unlock(&r->lock);
	return job_run_check(r);
}

static void conclude(struct job_run *r, int rc, const struct error *err)
{
	struct job_record *j = &r->job;

	j->ended = store_seconds(r);
	j->left = -1;
	if (rc >= 0)
		j->state = j->n_warnings ? JOB_WARNINGS : JOB_COMPLETED;
	else
		j->state = rc == -ECANCELED || (rc == -EINTR && !j->scheduled) ? JOB_CANCELLED : JOB_FAILED;
	j->died = j->state == JOB_FAILED && rc == -EINTR;	/* nobody cancelled it: it is started again */
	for (size_t i = 0; i < j->n_tasks; i++)
		if (j->task[i].state == JOB_IN_PROGRESS) {
			j->task[i].state = j->state == JOB_WARNINGS ? JOB_COMPLETED : j->state;
			j->task[i].ended = j->ended;
		}
	if (j->state == JOB_FAILED && err)
		job_set_error(j, err);
}

int job_run_end(struct job_run *taken, int rc, const struct error *err, struct job_record *last, struct error *words)
{
	AUTO(job_run_free) struct job_run *r = taken;
	int put;

	if (!r)
		return 0;
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	pthread_cond_signal(&r->stop);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	conclude(r, rc, err);
	put = job_put_end(r->vault, &r->job, words);
	if (put == -EEXIST)
		put = error_set(words, ESTALE, "the job was taken for dead by another, which put down its end");
	job_remove_records(r->vault, &r->job);
	if (last)
		*last = r->job;
	return put;
}
