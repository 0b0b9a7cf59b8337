/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/policy/job_alive.h"
#include "fs/policy/job_private.h"
#include "fs/util/log.h"
#include "fs/vault/object.h"
#include "fs/vault/point.h"
#include "fs/vault/signs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MANIFEST_MORE_THAN 256u		/* stored bytes; a tombstone has no more */

int job_put_end(struct vault *v, const struct job_record *j, struct error *err)
{
	AUTO(free) char *text = job_to_json(j);
	char name[96];

	if (!text)
		return error_set(err, ENOMEM, "out of memory");
	job_object(j, "end", name);
	return object_put(vault_store(v), vault_ring(v), OBJECT_JOB, name, text, strlen(text), err);
}

struct removal {
	struct store *store;
	bool end_too;
};

static int remove_one(void *arg, const struct object *o)
{
	const struct removal *r = arg;
	size_t len = strlen(o->name);

	if (r->end_too || len < 4 || strcmp(o->name + len - 4, ".end"))
		store_remove(r->store, o->name, NULL);
	return 0;
}

/* What is not let go of does no harm: .end counts. */
static void remove_records(struct vault *v, const char *vm_id, uint64_t number, bool end_too)
{
	struct removal r = { vault_store(v), end_too };
	char prefix[64];

	snprintf(prefix, sizeof(prefix), "job/%s-%llu.", vm_id, (unsigned long long)number);
	store_list(r.store, prefix, remove_one, &r, NULL);
}

void job_remove_records(struct vault *v, const struct job_record *j)
{
	remove_records(v, j->vm_id, j->number, false);
}

/* After this no session of the dead job commits: a tombstone has its manifest's name. */
static int end_sessions(struct vault *v, const struct job_record *j, struct error *err)
{
	AUTO(free) struct sign *signs = NULL;
	char folder[32];
	size_t n = 0;
	int rc;

	if (j->operation != JOB_BACKUP || !vault_info(v)->conditional_put)
		return 0;
	snprintf(folder, sizeof(folder), "pt/%s/", j->vm_id);
	rc = signs_list(v, OBJECT_SESSION, &signs, &n, err);
	for (size_t i = 0; i < n && rc >= 0; i++) {
		if (strncmp(signs[i].target, folder, strlen(folder)) || signs[i].pid != j->pid ||
		    strcmp(signs[i].host, j->host))
			continue;
		rc = object_put(vault_store(v), vault_ring(v), OBJECT_TOMBSTONE, signs[i].target, "{}", 2, err);
		if (rc == -EEXIST) {
			error_clear(err);
			rc = 0;
		}
	}
	return rc;
}

struct search {
	const struct job_record *jobs, *dead;
	size_t n;
	char point[POINT_ID_TEXT];
};

/* A manifest that came while the job ran, and that no other job made. */
static int look_at(void *arg, const struct object *o)
{
	struct search *s = arg;
	const char *folder = o->name + 3 + VM_ID_TEXT;		/* "<time>-<point>/<session>" */

	if (o->size <= MANIFEST_MORE_THAN || o->time < s->dead->begun || strlen(folder) < 17 + POINT_ID_TEXT ||
	    folder[16] != '-')
		return 0;
	for (size_t i = 0; i < s->n; i++)
		if (s->jobs[i].number != s->dead->number && !strncmp(s->jobs[i].point, folder + 17, POINT_ID_TEXT - 1))
			return 0;
	snprintf(s->point, sizeof(s->point), "%.16s", folder + 17);
	return 0;
}

static int find_point(struct vault *v, struct job_record *j, struct error *err)
{
	AUTO(free) struct job_record *jobs = NULL;
	struct search s = { .dead = j };
	char prefix[32];
	int rc;

	if (j->operation != JOB_BACKUP)
		return 0;
	rc = job_list(v, j->vm_id, &jobs, &s.n, err);
	s.jobs = jobs;
	snprintf(prefix, sizeof(prefix), "pt/%s/", j->vm_id);
	rc = rc < 0 ? rc : store_list(vault_store(v), prefix, look_at, &s, err);
	if (rc == 0 && s.point[0]) {
		j->state = JOB_COMPLETED;
		j->died = false;
		snprintf(j->point, sizeof(j->point), "%s", s.point);
		j->code[0] = j->error.text[0] = j->error.next[0] = '\0';
		for (size_t i = 0; i < j->n_tasks; i++)
			j->task[i].state = JOB_COMPLETED;
	}
	return rc;
}

/* Somebody else put the last word first. */
static int read_end(struct vault *v, struct job_record *j, struct error *err)
{
	struct job_names names = { .number = j->number, .end = true, .told = j->seen };

	snprintf(names.vm_id, sizeof(names.vm_id), "%s", j->vm_id);
	return job_read(v, &names, 0, j, err);
}

int job_settle(struct vault *v, struct job_record *j, struct error *err)
{
	int64_t now;
	int rc = store_now(vault_store(v), &now, err);

	rc = rc < 0 ? rc : end_sessions(v, j, err);
	if (rc < 0)
		return rc;
	job_tell_dead(j, now);
	rc = find_point(v, j, err);
	rc = rc < 0 ? rc : job_put_end(v, j, err);
	if (rc == -EEXIST) {
		error_clear(err);
		rc = read_end(v, j, err);
	}
	if (rc == 0)
		job_remove_records(v, j);
	return rc;
}

int job_cancel(struct vault *v, const struct job_record *j, struct error *err)
{
	char name[96], id[JOB_ID_TEXT];
	int rc;

	job_id(j, id);
	if (job_has_ended(j)) {
		error_set(err, EALREADY, "job %s has ended: %s", id, job_state_name(j->state));
		return -EALREADY;
	}
	job_object(j, "cancel", name);
	rc = object_put(vault_store(v), vault_ring(v), OBJECT_JOB, name, "{}", 2, err);
	if (rc == -EEXIST)
		error_clear(err);	/* asked already */
	return rc == -EEXIST ? 0 : rc;
}

static bool is_good_backup(struct vault *v, const struct job_names *names)
{
	struct job_record j;

	return job_read(v, names, 0, &j, NULL) == 0 && j.operation == JOB_BACKUP &&
	       (j.state == JOB_COMPLETED || j.state == JOB_WARNINGS);
}

/* Is it the last backup of its VM that worked? */
static bool is_last_backup(struct vault *v, const struct job_listing *l, size_t at)
{
	if (!is_good_backup(v, &l->row[at]))
		return false;
	for (size_t i = at + 1; i < l->n && !strcmp(l->row[i].vm_id, l->row[at].vm_id); i++)
		if (is_good_backup(v, &l->row[i]))
			return false;
	return true;
}

/* What a job left that died before its last word, or right after it. */
static int clean(struct vault *v, const struct job_names *names, int64_t now, struct error *err)
{
	struct job_record j;
	int rc = 0;

	if (names->end && (names->any || names->cancel))
		remove_records(v, names->vm_id, names->number, false);
	if (names->end)
		return 0;
	rc = job_read(v, names, now, &j, err);
	if (rc == -ENOENT) {
		error_clear(err);
		return 0;
	}
	return rc == 0 && j.dead ? job_settle(v, &j, err) : rc;
}

int job_drop_old(struct vault *v, uint64_t *n, struct error *err)
{
	__attribute__((cleanup(job_listing_clear))) struct job_listing l = { .n = 0 };
	int64_t now;
	int rc = store_now(vault_store(v), &now, err);

	rc = rc < 0 ? rc : job_listing_take(v, "job/", &l, err);
	for (size_t i = 0; rc == 0 && i < l.n; i++)
		rc = clean(v, &l.row[i], now, err);
	for (size_t i = 0; rc == 0 && i + 1 < l.n; i++) {
		const struct job_names *o = &l.row[i];

		if (!o->end || now - o->seen <= JOB_KEPT || strcmp(o->vm_id, l.row[i + 1].vm_id) ||
		    is_last_backup(v, &l, i))
			continue;
		remove_records(v, o->vm_id, o->number, true);
		++*n;
	}
	return rc;
}
