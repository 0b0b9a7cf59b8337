/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/policy_run.h"
#include "fs/policy/item_rules.h"
#include "fs/policy/prune.h"
#include "tools/lib/endpoints.h"
#include "tools/lib/item_backup.h"
#include "tools/lib/jobs.h"
#include "tools/lib/seen.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define PARALLEL_MAX 64u

/* One backup under way. */
struct work {
	const struct policy_run *run;
	struct job_run *job;
	struct backup_disks disks;
};

static int by_slot(const void *va, const void *vb)
{
	const struct due_item *a = ((const struct run_item *)va)->due, *b = ((const struct run_item *)vb)->due;

	return a->slot != b->slot ? (a->slot > b->slot) - (a->slot < b->slot) : strcmp(a->item.vm, b->item.vm);
}

int policy_run_plan(struct policy_run *r, struct error *err)
{
	int rc = due_list_take(r->vault, &r->due, err);

	r->item = rc == 0 ? calloc(r->due.n + 1, sizeof(*r->item)) : NULL;
	if (rc == 0 && !r->item)
		return error_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; rc == 0 && i < r->due.n; i++)
		r->item[r->n++].due = &r->due.item[i];
	if (r->n)
		qsort(r->item, r->n, sizeof(*r->item), by_slot);
	return rc;
}

void policy_run_clear(struct policy_run *r)
{
	due_list_clear(&r->due);
	free(r->item);
}

static int tell(void *arg, const struct backup_progress *p)
{
	const struct work *w = arg;

	job_run_task(w->job, "Transfer data to vault");
	return *w->run->interrupted ? -EINTR : job_run_progress(w->job, p->done_bytes, p->total_bytes, p->new_bytes);
}

static int prove(void *arg, struct vault *v, struct point *p, struct error *err)
{
	const struct work *w = arg;
	int rc = backup_keys_prove(w->run->keys, &w->disks, v, p, err);

	return rc ? rc : job_run_look(w->job);
}

static void note_point(struct work *w, const struct point *p)
{
	struct error warning = ERROR_INIT;

	job_run_point(w->job, p->id);
	if (w->run->keys->keys && p->proof != PROOF_PROVEN) {
		error_set(&warning, ENOKEY, "the point is stored, but not proven: %s", p->proof_words);
		error_next(&warning, "Find the key that opens it before it is needed: adebackup inspect SOURCE --keys DIR");
		job_run_warn(w->job, &warning);
	}
	error_clear(&warning);
	item_backup_note(w->run->vault, p, w->run->report);
	if (seen_newer(w->run->vault, p, true, &warning))
		job_run_warn(w->job, &warning);
}

static int back_up(struct work *w, const struct item *it, struct error *err)
{
	AUTO(point_free) struct point *p = NULL;
	struct backup_options opts = { .vm = it->vm, .vm_config = it->vm_config, .progress = tell, .prove = prove, .arg = w };
	struct backup_result result;
	int rc = backup_disks_from_item(&w->disks, it, w->run->options, err);

	if (rc == 0)
		rc = backup_run(w->run->vault, w->disks.disk, w->disks.n, &opts, &p, &result, err);
	if (rc == 0)
		note_point(w, p);
	if (rc == -EINTR) {
		error_set(err, EINTR, "this run was told to end");
		error_next(err, "The next run makes the backup; what is stored already is not sent again.");
	}
	backup_disks_clear(&w->disks);
	return rc;
}

static void run_item(const struct policy_run *r, struct run_item *i)
{
	struct work w = { .run = r };
	struct job_want want = { .operation = JOB_BACKUP, .vm = i->due->item.vm, .task = "Take Snapshot", .scheduled = true,
				 .slot = i->due->slot };
	struct error err = ERROR_INIT;
	int rc;

	if (job_begin_for(r->vault, &want, &w.job, &err) < 0) {
		i->busy = err.code == EBUSY || err.code == EALREADY;
		i->job.state = JOB_FAILED;
		if (!i->busy)
			job_set_error(&i->job, &err);
		return;
	}
	i->tried = true;
	rc = back_up(&w, &i->due->item, &err);
	if (rc < 0)
		endpoints_explain(&err, r->address, r->options, &i->due->item);
	job_end_for(w.job, r->options, r->report, rc, &i->job, &err);
}

struct team {
	const struct policy_run *run;
	struct run_item *item;
	size_t n;
	atomic_size_t next;
};

static void *work(void *arg)
{
	struct team *t = arg;
	size_t i;

	while ((i = atomic_fetch_add(&t->next, 1)) < t->n && !*t->run->interrupted)
		if (t->item[i].due->state == DUE_NOW)
			run_item(t->run, &t->item[i]);
	return NULL;
}

void policy_run_backups(struct policy_run *r)
{
	struct team t = { .run = r, .item = r->item, .n = r->n };
	unsigned n = r->parallel < 1 ? 1 : r->parallel > PARALLEL_MAX ? PARALLEL_MAX : r->parallel, started = 0;
	pthread_t thread[PARALLEL_MAX];

	while (started + 1 < n && !pthread_create(&thread[started], NULL, work, &t))
		started++;
	work(&t);
	for (unsigned i = 0; i < started; i++)
		pthread_join(thread[i], NULL);
}

struct pruning {
	const struct policy_run *run;
	struct job_run *job;
	struct item_rules rules;	/* policies and items as they are now, not as they were before the backups */
};

/* A VM that is no item: all its points stay. */
static int rules(void *arg, const char *vm_id, struct retention *out, struct error *err)
{
	struct pruning *p = arg;

	(void)err;
	item_rules_of(&p->rules, vm_id, out);
	return 0;
}

static int tell_prune(void *arg, uint64_t done, uint64_t total)
{
	const struct pruning *p = arg;

	return *p->run->interrupted ? -EINTR : job_run_progress(p->job, done, total, 0);
}

static int prune(struct pruning *p, struct error *err)
{
	struct prune_options o = { .rules = rules, .progress = tell_prune, .arg = p,
				   .compact = options_has(p->run->options, OPT_COMPACT) };
	struct error note = ERROR_INIT;
	struct prune_result result;
	int rc = item_rules_take(p->run->vault, &p->rules, err);

	if (rc < 0) {
		item_rules_clear(&p->rules);
		return rc;
	}
	rc = prune_run(p->run->vault, &o, &result, err);
	if (rc == 0)
		rc = item_rules_forget(&p->rules, result.inventory, &result.records, err);
	if (rc == 0 && result.inventory->blocked[0]) {
		error_set(&note, EBUSY, "%s", result.note);
		error_next(&note, "`adebackup verify` tells what is damaged, and --repair takes it out of the way.");
		job_run_warn(p->job, &note);
	}
	prune_result_clear(&result);
	item_rules_clear(&p->rules);
	return rc;
}

int policy_run_prune(struct policy_run *r, struct error *err)
{
	struct job_want want = { .operation = JOB_PRUNE, .task = "Expire and collect", .scheduled = true,
				 .slot = r->due.now - DUE_AGAIN_SECONDS };
	struct pruning p = { .run = r };
	int rc;

	if (r->due.now < r->due.prune || *r->interrupted)
		return 0;
	rc = job_begin_for(r->vault, &want, &p.job, err);
	if (rc == -EBUSY || rc == -EALREADY) {		/* another run is at it, or was */
		error_clear(err);
		return 0;
	}
	if (rc < 0)
		return rc;
	rc = prune(&p, err);
	r->pruned = true;
	return job_end_for(p.job, r->options, r->report, rc, &r->prune, err);
}
