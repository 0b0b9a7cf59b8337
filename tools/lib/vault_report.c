/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/vault_report.h"
#include "fs/util/parallel.h"
#include "fs/vault/point.h"
#include "tools/lib/vault_report_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void vault_report_clear(struct vault_report *r)
{
	due_list_clear(&r->due);
	free(r->job);
	free(r->vm);
	free(r->day);
	free(r->alert);
	*r = (struct vault_report){ .n_jobs = 0 };
}

static int by_vm_id(const void *a, const void *b)
{
	return strcmp(((const struct report_vm *)a)->vm_id, ((const struct report_vm *)b)->vm_id);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct report_vm *)a)->vm, ((const struct report_vm *)b)->vm);
}

static int newest_first(const void *va, const void *vb)
{
	const struct job_record *a = va, *b = vb;

	return a->begun != b->begun ? (a->begun < b->begun) - (a->begun > b->begun) : (a->number < b->number) - (a->number > b->number);
}

static struct report_vm *find(struct vault_report *r, size_t n, const char *vm_id)
{
	struct report_vm key;

	snprintf(key.vm_id, sizeof(key.vm_id), "%s", vm_id);
	return n ? bsearch(&key, r->vm, n, sizeof(key), by_vm_id) : NULL;
}

/* names[n]: of one VM, oldest first; the newest is read. */
static int take_points(struct vault *v, struct report_vm *m, const struct point_name *names, size_t n, struct error *err)
{
	AUTO(point_free) struct point *p = NULL;
	int rc = point_read(v, &names[n - 1], &p, err);

	m->points = n;
	m->first = names[0].time;
	m->last = names[n - 1].time;
	if (rc == -EBADMSG || rc == -ESTALE || rc == -ENOENT) {
		m->damaged = rc == -EBADMSG;
		error_clear(err);
		return 0;
	}
	if (rc < 0)
		return rc;
	snprintf(m->vm, sizeof(m->vm), "%s", p->vm);
	m->last = p->store_time ? p->store_time : p->time;
	m->proven = p->proof == PROOF_PROVEN;
	snprintf(m->proof_words, sizeof(m->proof_words), "%s", p->proof_words);
	for (size_t i = 0; i < p->n_disks; i++)
		m->disk_bytes += p->disk[i].size;
	return 0;
}

struct reading {
	struct vault *v;
	struct report_vm *vm;
	const struct point_name *names;
	const size_t *first;		/* of each VM's, and one more */
};

static int read_newest(void *arg, size_t i, struct error *err)
{
	struct reading *r = arg;

	return take_points(r->v, &r->vm[i], &r->names[r->first[i]], r->first[i + 1] - r->first[i], err);
}

static int add_vms_with_points(struct vault *v, struct vault_report *r, struct error *err)
{
	AUTO(free) struct point_name *names = NULL;
	AUTO(free) size_t *first = NULL;
	struct reading all;
	size_t n = 0;
	int rc = point_list(v, NULL, &names, &n, err);

	if (rc < 0)
		return rc;
	r->points = n;
	r->vm = calloc(n + r->due.n + 1, sizeof(*r->vm));
	first = calloc(n + 1, sizeof(*first));
	if (!r->vm || !first)
		return error_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		struct report_vm *m = &r->vm[r->n_vms];

		if (i && !strcmp(names[i - 1].vm_id, names[i].vm_id))
			continue;
		first[r->n_vms++] = i;
		snprintf(m->vm_id, sizeof(m->vm_id), "%s", names[i].vm_id);
		snprintf(m->vm, sizeof(m->vm), "(%s)", names[i].vm_id);
	}
	first[r->n_vms] = n;
	all = (struct reading){ v, r->vm, names, first };
	return parallel_each(r->n_vms, store_at_once(vault_store(v)), read_newest, &all, err);
}

static void add_items(struct vault_report *r)
{
	size_t n = r->n_vms;

	if (n)
		qsort(r->vm, n, sizeof(*r->vm), by_vm_id);
	for (size_t i = 0; i < r->due.n; i++) {
		const struct due_item *d = &r->due.item[i];
		struct report_vm *m = find(r, n, d->item.vm_id);

		if (!m) {
			m = &r->vm[r->n_vms++];
			snprintf(m->vm_id, sizeof(m->vm_id), "%s", d->item.vm_id);
			snprintf(m->vm, sizeof(m->vm), "(%s)", d->item.vm_id);
		}
		m->item = d;
		if (d->item.vm[0])
			snprintf(m->vm, sizeof(m->vm), "%s", d->item.vm);
	}
	if (r->n_vms)
		qsort(r->vm, r->n_vms, sizeof(*r->vm), by_vm_id);
}

/* Newest first: the first of a day is that day's last. */
static void note_job(struct vault_report *r, const struct job_record *j)
{
	struct report_vm *m = j->operation == JOB_BACKUP ? find(r, r->n_vms, j->vm_id) : NULL;
	int64_t ago = r->due.now / 86400 - (j->ended ? j->ended : j->begun) / 86400;
	bool good = j->state == JOB_COMPLETED || j->state == JOB_WARNINGS;

	if (j->operation == JOB_VERIFY && !j->vm[0] && good && !r->verified)
		r->verified = j->ended;
	if (j->operation == JOB_PRUNE && !j->vm[0] && good && !r->pruned)
		r->pruned = j->ended;
	if (!m)
		return;
	if (!m->last_job)
		m->last_job = j;
	if (ago < 0 || ago >= (int64_t)REPORT_DAYS || m->day_any[REPORT_DAYS - 1 - ago] || !job_has_ended(j))
		return;
	m->day_any[REPORT_DAYS - 1 - ago] = true;
	m->day[REPORT_DAYS - 1 - ago] = j->state;
}

struct days {
	struct report_day *row;
	size_t n, room, segments;
	uint64_t bytes;
};

/* Listings come in runs of a day, mostly. */
static int add_segment(void *arg, const struct object *o)
{
	struct days *d = arg;
	int64_t day = o->time / 86400;

	d->segments++;
	d->bytes += o->size;
	if (d->n && d->row[d->n - 1].day == day) {
		d->row[d->n - 1].bytes += o->size;
		return 0;
	}
	if (d->n == d->room) {
		size_t room = d->room ? 2 * d->room : 256;
		struct report_day *more = realloc(d->row, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		d->row = more;
		d->room = room;
	}
	d->row[d->n++] = (struct report_day){ day, o->size };
	return 0;
}

static int by_day(const void *va, const void *vb)
{
	const struct report_day *a = va, *b = vb;

	return (a->day > b->day) - (a->day < b->day);
}

static int take_growth(struct vault *v, struct vault_report *r, struct error *err)
{
	struct days d = { .n = 0 };
	int rc = store_list(vault_store(v), "seg/", add_segment, &d, err);
	size_t n = 0;

	if (d.n)
		qsort(d.row, d.n, sizeof(*d.row), by_day);
	for (size_t i = 0; i < d.n; i++)
		if (n && d.row[n - 1].day == d.row[i].day)
			d.row[n - 1].bytes += d.row[i].bytes;
		else
			d.row[n++] = d.row[i];
	r->day = d.row;
	r->n_days = n;
	r->segments = d.segments;
	r->bytes = d.bytes;
	return rc == -ENOMEM ? error_set(err, ENOMEM, "out of memory") : rc;
}

int vault_report_take(struct vault *v, struct vault_report *r, struct error *err)
{
	int rc;

	*r = (struct vault_report){ .n_jobs = 0 };
	rc = due_list_take(v, &r->due, err);
	rc = rc < 0 ? rc : job_list_recent(v, r->due.now - (REPORT_DAYS + 1) * 86400, REPORT_JOBS, &r->job, &r->n_jobs,
					   &r->all_jobs, err);
	rc = rc < 0 ? rc : add_vms_with_points(v, r, err);
	rc = rc < 0 ? rc : take_growth(v, r, err);
	if (rc < 0)
		return rc;
	add_items(r);
	if (r->n_jobs)
		qsort(r->job, r->n_jobs, sizeof(*r->job), newest_first);
	for (size_t i = 0; i < r->n_jobs; i++)
		note_job(r, &r->job[i]);
	if (r->n_vms)
		qsort(r->vm, r->n_vms, sizeof(*r->vm), by_name);
	return vault_report_alerts(r, err);
}
