/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/policy/job_alive.h"
#include "fs/policy/job_private.h"
#include "fs/util/parallel.h"
#include "fs/vault/object.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TRIES 4

/* Decimal without leading zeros, up to `stop`. */
static bool take_decimal(const char **text, char stop, uint64_t *out)
{
	const char *p = *text;
	uint64_t n = 0;

	if (*p < '0' || *p > '9' || (*p == '0' && p[1] >= '0' && p[1] <= '9'))
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (n > (INT64_MAX - 9) / 10)
			return false;
		n = n * 10 + (uint64_t)(*p - '0');
	}
	*out = n;
	*text = *p == stop ? p + (stop != '\0') : p;
	return *p == stop;
}

/* "job/<vm id>-<number>.<record>", or ".cancel", ".end" */
static bool parse(const struct object *o, struct job_names *out)
{
	const char *p = o->name + 4;

	*out = (struct job_names){ .seen = o->time };
	if (strlen(p) < VM_ID_TEXT || strspn(p, "0123456789abcdef") != VM_ID_TEXT - 1 || p[VM_ID_TEXT - 1] != '-')
		return false;
	memcpy(out->vm_id, p, VM_ID_TEXT - 1);
	p += VM_ID_TEXT;
	if (!take_decimal(&p, '.', &out->number))
		return false;
	out->cancel = !strcmp(p, "cancel");
	out->end = !strcmp(p, "end");
	out->end_size = out->end ? o->size : 0;
	out->end_time = out->end ? o->time : 0;
	if (out->cancel || out->end)
		return true;
	out->any = true;
	return take_decimal(&p, '\0', &out->newest);
}

static int add(void *arg, const struct object *o)
{
	struct job_listing *l = arg;

	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 256;
		struct job_names *more = realloc(l->row, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		l->row = more;
		l->room = room;
	}
	l->n += parse(o, &l->row[l->n]);
	return 0;
}

static int compare(const void *va, const void *vb)
{
	const struct job_names *a = va, *b = vb;
	int c = strcmp(a->vm_id, b->vm_id);

	return c ? c : (a->number > b->number) - (a->number < b->number);
}

static void join(struct job_names *to, const struct job_names *more)
{
	if (more->any && (!to->any || more->newest > to->newest))
		to->newest = more->newest;
	if (!more->cancel && (more->seen > to->told || !(to->any || to->end)))
		to->told = more->seen;
	if (more->end) {
		to->end_size = more->end_size;
		to->end_time = more->end_time;
	}
	to->any = to->any || more->any;
	to->cancel = to->cancel || more->cancel;
	to->end = to->end || more->end;
	to->seen = more->seen > to->seen ? more->seen : to->seen;
}

int job_listing_take(struct vault *v, const char *prefix, struct job_listing *l, struct error *err)
{
	int rc = store_list(vault_store(v), prefix, add, l, err);
	size_t n = 0;

	if (rc == -ENOMEM)
		return error_set(err, ENOMEM, "out of memory");
	if (rc < 0 || !l->n)
		return rc;
	qsort(l->row, l->n, sizeof(*l->row), compare);
	for (size_t i = 0; i < l->n; i++) {
		struct job_names one = l->row[i];

		if (!n || compare(&l->row[n - 1], &one)) {
			l->row[n] = one;
			l->row[n++].told = one.cancel ? 0 : one.seen;
		} else {
			join(&l->row[n - 1], &one);
		}
	}
	l->n = n;
	return 0;
}

void job_tell_dead(struct job_record *j, int64_t now)
{
	j->state = JOB_FAILED;
	j->died = true;
	j->ended = j->seen ? j->seen : now;
	j->left = -1;
	snprintf(j->code, sizeof(j->code), "%s", j->operation == JOB_BACKUP ? "BackUpOperationFailed" : "");
	snprintf(j->error.text, sizeof(j->error.text), "its process ended without a word (process %lld%s%s)",
		 (long long)j->pid, j->host[0] ? " on " : "", j->host);
	snprintf(j->error.next, sizeof(j->error.next), "%s", j->operation == JOB_BACKUP ?
		 "Back up again; what is stored already is not sent twice." : "Start it again.");
	for (size_t i = 0; i < j->n_tasks; i++)
		if (j->task[i].state == JOB_IN_PROGRESS) {
			j->task[i].state = JOB_FAILED;
			j->task[i].ended = j->ended;
		}
}

static void tell_damaged(struct job_record *j, const char *words)
{
	j->state = JOB_FAILED;
	j->left = -1;
	snprintf(j->error.text, sizeof(j->error.text), "its record cannot be read: %.300s", words);
	snprintf(j->error.next, sizeof(j->error.next), "adebackup verify shows what is damaged.");
}

static int read_record(struct vault *v, const struct object *o, struct job_record *j, struct error *err)
{
	AUTO(free) void *text = NULL;
	size_t len;
	int rc = object_get_listed(vault_store(v), vault_ring(v), OBJECT_JOB, o, &text, &len, err);

	if (rc == 0 && job_from_json(text, len, j) < 0)
		rc = error_set(err, EBADMSG, "damaged: what it says makes no sense");
	if (rc == -EBADMSG || rc == -ENOTSUP) {
		tell_damaged(j, err ? err->text : "damaged");
		error_clear(err);
		return 1;
	}
	return rc;
}

int job_read(struct vault *v, const struct job_names *given, int64_t now, struct job_record *j, struct error *err)
{
	struct job_names names = *given;
	int rc = -ENOENT;

	for (int i = 0; rc == -ENOENT && i < TRIES; i++) {	/* its owner may be putting the next one */
		__attribute__((cleanup(job_listing_clear))) struct job_listing l = { .n = 0 };
		struct object o = { .size = names.end_size, .time = names.end_time };
		char name[96];

		*j = (struct job_record){ .number = names.number, .seen = names.told, .left = -1 };
		snprintf(j->vm_id, sizeof(j->vm_id), "%s", names.vm_id);
		if (names.end)
			job_object(j, "end", name);
		else
			job_object_number(j, names.newest, name);
		snprintf(o.name, sizeof(o.name), "%s", name);
		error_clear(err);
		rc = names.end || names.any ? read_record(v, &o, j, err) : -ENOENT;
		if (rc != -ENOENT)
			break;
		snprintf(name, sizeof(name), "job/%s-%llu.", names.vm_id, (unsigned long long)names.number);
		rc = job_listing_take(v, name, &l, err);
		if (rc < 0)
			return rc;
		if (!l.n)
			return error_set(err, ENOENT, "the job's records have gone");
		names = l.row[0];
		rc = -ENOENT;
	}
	if (rc < 0)
		return rc;
	j->open = !names.end;
	j->dead = j->open && (now - names.told > JOB_SILENT || job_process_is_gone(j->alive, j->pid));
	if (j->open && !j->dead && names.cancel && j->state == JOB_IN_PROGRESS)
		j->state = JOB_CANCELLING;
	return 0;
}

struct reading {
	struct vault *vault;
	const struct job_listing *listing;
	const size_t *row;
	struct job_record *job;
	int64_t now;
};

static int read_row(void *arg, size_t i, struct error *err)
{
	struct reading *r = arg;
	int rc = job_read(r->vault, &r->listing->row[r->row[i]], r->now, &r->job[i], err);

	if (rc == 0 && r->job[i].dead)
		job_tell_dead(&r->job[i], r->now);
	if (rc == -ENOENT)		/* dropped meanwhile */
		r->job[i].number = 0;
	return rc == -ENOENT ? 0 : rc;
}

int job_read_rows(struct vault *v, const struct job_listing *l, const size_t *row, size_t n, int64_t now,
		  struct job_record *out, size_t *n_out, struct error *err)
{
	struct reading r = { v, l, row, out, now };
	int rc = parallel_each(n, store_at_once(vault_store(v)), read_row, &r, err);

	*n_out = 0;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		if (!out[i].number)
			continue;
		if (i != *n_out)
			out[*n_out] = out[i];
		(*n_out)++;
	}
	return rc;
}

int job_list(struct vault *v, const char *vm_id, struct job_record **list, size_t *n, struct error *err)
{
	__attribute__((cleanup(job_listing_clear))) struct job_listing l = { .n = 0 };
	AUTO(free) struct job_record *jobs = NULL;
	AUTO(free) size_t *all = NULL;
	char prefix[32] = "job/";
	int64_t now;
	int rc = store_now(vault_store(v), &now, err);

	if (vm_id)
		snprintf(prefix, sizeof(prefix), "job/%s-", vm_id);
	rc = rc < 0 ? rc : job_listing_take(v, prefix, &l, err);
	if (rc < 0)
		return rc;
	jobs = calloc(l.n + 1, sizeof(*jobs));
	all = calloc(l.n + 1, sizeof(*all));
	if (!jobs || !all)
		return error_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < l.n; i++)
		all[i] = i;
	rc = job_read_rows(v, &l, all, l.n, now, jobs, n, err);
	*list = rc == 0 ? TAKE(jobs) : NULL;
	return rc;
}
