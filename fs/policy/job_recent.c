/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/policy/job_private.h"

#include <errno.h>
#include <string.h>

struct recent {
	struct vault *vault;
	struct job_listing listing;
	int64_t since, now;
	size_t least;
	bool *wanted;			/* of each row: it was chosen by its name alone */
	struct job_record *job;
	size_t n;
};

static void recent_clear(struct recent *r)
{
	job_listing_clear(&r->listing);
	free(r->wanted);
	free(r->job);
}

static int newest_first(const void *va, const void *vb)
{
	int64_t a = *(const int64_t *)va, b = *(const int64_t *)vb;

	return (a < b) - (a > b);
}

/* So that the newest `least` are among those of which something was put since. */
static int reach_back(struct recent *r)
{
	AUTO(free) int64_t *told = calloc(r->listing.n + 1, sizeof(*told));

	if (!told)
		return -ENOMEM;
	for (size_t i = 0; i < r->listing.n; i++)
		told[i] = r->listing.row[i].told;
	if (r->listing.n)
		qsort(told, r->listing.n, sizeof(*told), newest_first);
	if (r->listing.n <= r->least)
		r->since = INT64_MIN;
	else if (r->least && told[r->least - 1] < r->since)
		r->since = told[r->least - 1];
	return 0;
}

static bool is_last_of_vm(const struct job_listing *l, size_t i)
{
	return i + 1 == l->n || strcmp(l->row[i].vm_id, l->row[i + 1].vm_id);
}

/* What names and times tell. */
static int read_wanted(struct recent *r, struct error *err)
{
	const struct job_listing *l = &r->listing;
	AUTO(free) size_t *row = calloc(l->n + 1, sizeof(*row));
	size_t n = 0;

	r->wanted = calloc(l->n + 1, sizeof(*r->wanted));
	r->job = calloc(l->n + 1, sizeof(*r->job));
	if (!row || !r->wanted || !r->job || reach_back(r) < 0)
		return error_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < l->n; i++) {
		r->wanted[i] = !l->row[i].end || l->row[i].told >= r->since || is_last_of_vm(l, i);
		if (r->wanted[i])
			row[n++] = i;
	}
	return job_read_rows(r->vault, l, row, n, r->now, r->job, &r->n, err);
}

/* What is still looked for of one VM, or of the vault. */
struct sought { bool backup, verify, prune; };

static bool found_all(struct sought *s, const struct job_record *j)
{
	bool good = j->state == JOB_COMPLETED || j->state == JOB_WARNINGS;

	s->backup = s->backup && j->operation != JOB_BACKUP;
	s->verify = s->verify && !(good && j->operation == JOB_VERIFY);
	s->prune = s->prune && !(good && j->operation == JOB_PRUNE);
	return !s->backup && !s->verify && !s->prune;
}

/* Rows from first to end are of one VM, job[n] those of them that were read. */
static int look_further(struct recent *r, size_t first, size_t end, const struct job_record *job, size_t n, struct error *err)
{
	bool vault = !strcmp(r->listing.row[first].vm_id, JOB_WHOLE_VAULT), done = false;
	struct sought s = { !vault, vault, vault };

	for (size_t i = end; i-- > first && !done;) {
		size_t one = 0;
		int rc;

		if (r->wanted[i]) {
			if (n && job[n - 1].number == r->listing.row[i].number)
				done = found_all(&s, &job[--n]);
			continue;
		}
		rc = job_read_rows(r->vault, &r->listing, &i, 1, r->now, &r->job[r->n], &one, err);
		if (rc < 0)
			return rc;
		if (one)
			done = found_all(&s, &r->job[r->n]);
		r->n += one;
	}
	return 0;
}

/* r->job holds what was wanted, in the listing's order; what is read here comes behind. */
static int look_back(struct recent *r, struct error *err)
{
	const struct job_listing *l = &r->listing;
	size_t read = r->n, at = 0;
	int rc = 0;

	for (size_t first = 0, end; rc == 0 && first < l->n; first = end) {
		size_t begun = at;

		for (end = first + 1; end < l->n && !strcmp(l->row[end].vm_id, l->row[first].vm_id); end++)
			;
		while (at < read && !strcmp(r->job[at].vm_id, l->row[first].vm_id))
			at++;
		rc = look_further(r, first, end, &r->job[begun], at - begun, err);
	}
	return rc;
}

int job_list_recent(struct vault *v, int64_t since, size_t least, struct job_record **list, size_t *n, size_t *all,
		    struct error *err)
{
	__attribute__((cleanup(recent_clear))) struct recent r = { .vault = v, .since = since, .least = least };
	int rc = store_now(vault_store(v), &r.now, err);

	rc = rc < 0 ? rc : job_listing_take(v, "job/", &r.listing, err);
	rc = rc < 0 ? rc : read_wanted(&r, err);
	rc = rc < 0 ? rc : look_back(&r, err);
	*n = r.n;
	*all = r.listing.n;
	*list = rc == 0 ? TAKE(r.job) : NULL;
	return rc;
}
