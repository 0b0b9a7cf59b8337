/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/warm.h"
#include "fs/vault/fetch_plan.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#define AT_ONCE 16u			/* requests of one call */

/* One call; lives on its caller's stack until every job has ended. */
struct warming {
	struct store *st;
	struct fetch_pool *pool;
	pthread_mutex_t lock;		/* guards all below */
	pthread_cond_t done;
	unsigned running;
	int rc;				/* the first failure */
	uint64_t bytes;
};

struct warm_job {
	struct fetch_job job;
	struct warming *w;
	uint8_t segment[SEGMENT_ID_BYTES];
	uint32_t off, len;
};

static bool is_near(void *arg, const struct chunk_ref *ref)
{
	char name[160];

	segment_name(ref->segment, name, sizeof(name));
	return store_near(arg, name, ref->off, ref->len);
}

static void job_end(struct warm_job *j, int rc, uint64_t bytes)
{
	struct warming *w = j->w;

	free(j);
	pthread_mutex_lock(&w->lock);
	w->rc = w->rc < 0 ? w->rc : rc;
	w->bytes += bytes;
	w->running--;
	pthread_cond_signal(&w->done);
	pthread_mutex_unlock(&w->lock);
}

static void job_run(struct fetch_job *job)
{
	struct warm_job *j = (struct warm_job *)job;
	struct warming *w = j->w;
	char name[160];
	uint32_t len = j->len;
	int rc;

	segment_name(j->segment, name, sizeof(name));
	fetch_pool_begin(w->pool, len, FETCH_AHEAD);
	rc = store_warm(w->st, name, j->off, len, NULL);
	fetch_pool_answered(w->pool);
	fetch_pool_end(w->pool, len);
	job_end(j, rc, rc < 0 ? 0 : len);
}

static void job_drop(struct fetch_job *job)
{
	job_end((struct warm_job *)job, -ECANCELED, 0);
}

/* Waits until fewer than max run; the first failure, or 0. */
static int wait_below(struct warming *w, unsigned max)
{
	int rc;

	pthread_mutex_lock(&w->lock);
	while (w->running >= max)
		pthread_cond_wait(&w->done, &w->lock);
	rc = w->rc;
	pthread_mutex_unlock(&w->lock);
	return rc;
}

static int submit(struct warming *w, const struct run *r)
{
	const struct chunk_ref *first = r->want[0].ref, *last = r->want[r->n - 1].ref;
	struct warm_job *j = calloc(1, sizeof(*j));

	if (!j)
		return -ENOMEM;
	j->job = (struct fetch_job){ NULL, w, job_run, job_drop };
	j->w = w;
	memcpy(j->segment, first->segment, SEGMENT_ID_BYTES);
	j->off = first->off;
	j->len = last->off + last->len - first->off;
	pthread_mutex_lock(&w->lock);
	w->running++;
	pthread_mutex_unlock(&w->lock);
	if (fetch_pool_submit(w->pool, &j->job, FETCH_AHEAD))
		return 0;
	job_end(j, -EAGAIN, 0);
	return -EAGAIN;
}

int warm_chunks(struct store *st, struct fetch_pool *pool, const struct map_entry *e, size_t n, bool count,
		uint64_t *bytes)
{
	__attribute__((cleanup(fetch_plan_release))) struct fetch_plan p = { 0 };
	struct warming w = { .st = st, .pool = pool };
	int rc = n ? fetch_plan_make(&p, e, n, is_near, st) : 0;

	for (size_t i = 0; rc == 0 && count && i < p.n; i++)
		*bytes += p.want[i].ref->len;
	if (rc < 0 || count)
		return rc;
	pthread_mutex_init(&w.lock, NULL);
	pthread_cond_init(&w.done, NULL);
	for (size_t i = 0; rc == 0 && i < p.n_runs; i++) {
		rc = wait_below(&w, AT_ONCE);
		if (rc == 0)
			rc = submit(&w, &p.run[i]);
	}
	if (wait_below(&w, 1) < 0 && rc == 0)
		rc = w.rc;
	*bytes += w.bytes;
	pthread_cond_destroy(&w.done);
	pthread_mutex_destroy(&w.lock);
	return rc;
}
