/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/util/parallel.h"

#include <pthread.h>
#include <signal.h>

#define MOST 64u

struct parallel {
	size_t n;
	parallel_fn *fn;
	void *arg;
	pthread_mutex_t lock;		/* guards all below */
	size_t next, failed;		/* failed: the lowest that did */
	int rc;
	struct error err;
};

static void note_failure(struct parallel *p, size_t i, int rc, const struct error *err)
{
	pthread_mutex_lock(&p->lock);
	if (!p->rc || i < p->failed) {
		p->rc = rc;
		p->failed = i;
		error_copy(&p->err, err);
	}
	pthread_mutex_unlock(&p->lock);
}

static void *work(void *arg)
{
	struct parallel *p = arg;

	for (;;) {
		struct error err = ERROR_INIT;
		size_t i;
		int rc;

		pthread_mutex_lock(&p->lock);
		i = p->rc ? p->n : p->next++;
		pthread_mutex_unlock(&p->lock);
		if (i >= p->n)
			return NULL;
		rc = p->fn(p->arg, i, &err);
		if (rc < 0)
			note_failure(p, i, rc, &err);
	}
}

/* How many threads run beside the caller's. */
static unsigned start(struct parallel *p, unsigned most, pthread_t thread[MOST])
{
	unsigned started = 0;
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	while (started + 1 < most && started < MOST && started + 1 < p->n &&
	       pthread_create(&thread[started], NULL, work, p) == 0)
		started++;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return started;
}

int parallel_each(size_t n, unsigned most, parallel_fn *fn, void *arg, struct error *err)
{
	struct parallel p = { .n = n, .fn = fn, .arg = arg };
	pthread_t thread[MOST];
	unsigned started;

	pthread_mutex_init(&p.lock, NULL);
	started = start(&p, most, thread);
	work(&p);
	for (unsigned i = 0; i < started; i++)
		pthread_join(thread[i], NULL);
	pthread_mutex_destroy(&p.lock);
	if (p.rc)
		error_copy(err, &p.err);
	return p.rc;
}
