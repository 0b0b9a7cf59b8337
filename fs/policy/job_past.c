/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/policy/job_private.h"
#include "fs/util/parallel.h"

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

struct reading {
	struct vault *vault;
	const struct job_listing *listing;
	const size_t *first;		/* row of each VM, and one more */
	struct job_past *past;
	int64_t now;
};

static int read_one_vm(void *arg, size_t i, struct error *err)
{
	struct reading *r = arg;
	size_t first = r->first[i];

	return read_vm(r->vault, &r->listing->row[first], r->first[i + 1] - first, r->now, &r->past[i], err);
}

int job_past_list(struct vault *v, struct job_past **list, size_t *n, struct error *err)
{
	__attribute__((cleanup(job_listing_clear))) struct job_listing l = { .n = 0 };
	AUTO(free) struct job_past *past = NULL;
	AUTO(free) size_t *first = NULL;
	struct reading r = { .vault = v, .listing = &l };
	int rc = store_now(vault_store(v), &r.now, err);

	*n = 0;
	*list = NULL;
	rc = rc < 0 ? rc : job_listing_take(v, "job/", &l, err);
	if (rc < 0)
		return rc;
	r.past = past = calloc(l.n + 1, sizeof(*past));
	r.first = first = calloc(l.n + 1, sizeof(*first));
	if (!past || !first)
		return error_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < l.n; i++)
		if (!i || strcmp(l.row[i - 1].vm_id, l.row[i].vm_id))
			first[(*n)++] = i;
	first[*n] = l.n;
	rc = parallel_each(*n, store_at_once(vault_store(v)), read_one_vm, &r, err);
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
