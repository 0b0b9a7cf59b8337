/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/policy/job_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* One job, the newer ones before it.  true: what is older does not matter. */
static bool take(struct job_past *p, const struct job_record *j)
{
	if (j->operation != (strcmp(p->vm_id, JOB_WHOLE_VAULT) ? JOB_BACKUP : JOB_PRUNE))
		return false;
	if (j->open && !j->dead) {
		p->running = true;
		return false;
	}
	if (!j->scheduled)
		return false;
	if (j->state != JOB_FAILED) {
		p->done = j->begun;
		return true;
	}
	if (!p->failures++) {
		p->failed = j->ended ? j->ended : j->seen;
		p->failed_begun = j->begun;
		p->died = j->died;
	}
	return false;
}

static int read_one(struct vault *v, const struct job_names *names, int64_t now, struct job_record *j, struct error *err)
{
	int rc = job_read(v, names, now, j, err);

	if (rc == 0 && j->dead)
		job_tell_dead(j, now);
	if (rc == -ENOENT) {
		error_clear(err);
		return 1;
	}
	return rc;
}

static int read_vm(struct vault *v, const struct job_names *rows, size_t n, int64_t now, struct job_past *p,
		   struct error *err)
{
	snprintf(p->vm_id, sizeof(p->vm_id), "%s", rows[0].vm_id);
	for (size_t i = n; i-- > 0;) {
		struct job_record j;
		int rc = read_one(v, &rows[i], now, &j, err);

		if (rc < 0)
			return rc;
		if (rc == 0 && take(p, &j))
			break;
	}
	return 0;
}

int job_past_list(struct vault *v, struct job_past **list, size_t *n, struct error *err)
{
	__attribute__((cleanup(job_listing_clear))) struct job_listing l = { .n = 0 };
	AUTO(free) struct job_past *past = NULL;
	size_t i = 0, k;
	int64_t now;
	int rc = store_now(vault_store(v), &now, err);

	*n = 0;
	*list = NULL;
	rc = rc < 0 ? rc : job_listing_take(v, "job/", &l, err);
	past = rc == 0 ? calloc(l.n + 1, sizeof(*past)) : NULL;
	if (rc == 0 && !past)
		return error_set(err, ENOMEM, "out of memory");
	for (; rc == 0 && i < l.n; i = k) {
		for (k = i + 1; k < l.n && !strcmp(l.row[k].vm_id, l.row[i].vm_id); k++)
			;
		rc = read_vm(v, &l.row[i], k - i, now, &past[(*n)++], err);
	}
	*list = rc == 0 ? TAKE(past) : NULL;
	return rc;
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct job_past *)a)->vm_id, ((const struct job_past *)b)->vm_id);
}

const struct job_past *job_past_find(const struct job_past *list, size_t n, const char *vm_id)
{
	struct job_past key;

	snprintf(key.vm_id, sizeof(key.vm_id), "%s", vm_id);
	return n ? bsearch(&key, list, n, sizeof(*list), by_id) : NULL;
}
