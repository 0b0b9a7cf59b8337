/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/fetch_pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#define THREADS_MAX 64u
#define THREAD_STACK (512u << 10)
#define REQUESTS_MAX 64u
#define BUDGET (32u << 20)
#define AHEAD_QUEUE_MAX 512u

struct queue { struct fetch_job *first, **last; unsigned n; };

struct fetch_pool {
	pthread_mutex_t lock;		/* guards all below */
	pthread_cond_t work, room, done;
	struct queue queue[2];		/* by urgency */
	bool stop;
	pthread_t thread[THREADS_MAX];
	const void *running[THREADS_MAX];	/* whose job each thread does */
	unsigned threads, idle, ahead;	/* ahead: threads that run such work */
	size_t bytes;			/* asked for, or not unpacked yet */
	unsigned requests, waiting;	/* waiting: for the budget, on demand */
};

struct start { struct fetch_pool *p; unsigned n; };

struct fetch_pool *fetch_pool_new(struct error *err)
{
	struct fetch_pool *p = calloc(1, sizeof(*p));

	if (!p)
		return error_null(err, ENOMEM, "out of memory");
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	pthread_cond_init(&p->room, NULL);
	pthread_cond_init(&p->done, NULL);
	for (int u = 0; u < 2; u++)
		p->queue[u].last = &p->queue[u].first;
	return p;
}

void fetch_pool_free(struct fetch_pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->threads; i++)
		pthread_join(p->thread[i], NULL);
	pthread_cond_destroy(&p->done);
	pthread_cond_destroy(&p->room);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static struct fetch_job *pop(struct queue *q)
{
	struct fetch_job *j = q->first;

	q->first = j->next;
	if (!q->first)
		q->last = &q->first;
	q->n--;
	return j;
}

/* Under the lock: the next job that may run now. */
static struct fetch_job *next_job(struct fetch_pool *p, enum fetch_urgency *u)
{
	*u = FETCH_DEMAND;
	if (p->queue[FETCH_DEMAND].n)
		return pop(&p->queue[FETCH_DEMAND]);
	*u = FETCH_AHEAD;
	if (p->queue[FETCH_AHEAD].n && p->ahead < THREADS_MAX / 2)
		return pop(&p->queue[FETCH_AHEAD]);
	return NULL;
}

static void *work(void *arg)
{
	struct start *start = arg;
	struct fetch_pool *p = start->p;
	unsigned me = start->n;
	enum fetch_urgency u;
	struct fetch_job *j;

	free(start);
	pthread_mutex_lock(&p->lock);
	while (!p->stop) {
		j = next_job(p, &u);
		if (!j) {
			p->idle++;
			pthread_cond_wait(&p->work, &p->lock);
			p->idle--;
			continue;
		}
		p->running[me] = j->owner;
		p->ahead += u == FETCH_AHEAD;
		pthread_mutex_unlock(&p->lock);
		j->run(j);
		pthread_mutex_lock(&p->lock);
		p->ahead -= u == FETCH_AHEAD;
		p->running[me] = NULL;
		pthread_cond_broadcast(&p->done);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Under the lock.  The new thread takes no signals: they are the program's. */
static void add_thread(struct fetch_pool *p)
{
	struct start *start = malloc(sizeof(*start));
	pthread_attr_t attr;
	sigset_t all, old;

	if (!start)
		return;
	*start = (struct start){ p, p->threads };
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, THREAD_STACK);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	if (pthread_create(&p->thread[p->threads], &attr, work, start) == 0)
		p->threads++;
	else
		free(start);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
}

bool fetch_pool_submit(struct fetch_pool *p, struct fetch_job *j, enum fetch_urgency u)
{
	struct queue *q = &p->queue[u];
	bool taken;

	pthread_mutex_lock(&p->lock);
	if (p->idle <= p->queue[0].n + p->queue[1].n && p->threads < THREADS_MAX)
		add_thread(p);
	taken = p->threads && !(u == FETCH_AHEAD && q->n >= AHEAD_QUEUE_MAX);
	if (taken) {
		j->next = NULL;
		*q->last = j;
		q->last = &j->next;
		q->n++;
	}
	pthread_mutex_unlock(&p->lock);
	if (taken)		/* not under the lock, which the woken thread wants at once */
		pthread_cond_signal(&p->work);
	return taken;
}

static struct fetch_job *take_owned(struct queue *q, const void *owner)
{
	struct fetch_job *taken = NULL, **at = &q->first;

	while (*at) {
		struct fetch_job *j = *at;

		if (j->owner != owner) {
			at = &j->next;
			continue;
		}
		*at = j->next;
		q->n--;
		j->next = taken;
		taken = j;
	}
	q->last = at;
	return taken;
}

static void drop_all(struct fetch_job *j)
{
	while (j) {
		struct fetch_job *next = j->next;

		j->drop(j);
		j = next;
	}
}

static bool is_running(const struct fetch_pool *p, const void *owner)
{
	for (unsigned i = 0; i < p->threads; i++)
		if (p->running[i] == owner)
			return true;
	return false;
}

void fetch_pool_cancel(struct fetch_pool *p, const void *owner)
{
	struct fetch_job *demand, *ahead;

	pthread_mutex_lock(&p->lock);
	demand = take_owned(&p->queue[FETCH_DEMAND], owner);
	ahead = take_owned(&p->queue[FETCH_AHEAD], owner);
	pthread_mutex_unlock(&p->lock);
	drop_all(demand);
	drop_all(ahead);
	pthread_mutex_lock(&p->lock);
	while (is_running(p, owner))
		pthread_cond_wait(&p->done, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

static bool has_room(const struct fetch_pool *p, size_t bytes, enum fetch_urgency u)
{
	size_t budget = u == FETCH_AHEAD ? BUDGET / 4 * 3 : BUDGET;
	unsigned requests = u == FETCH_AHEAD ? REQUESTS_MAX / 4 * 3 : REQUESTS_MAX;

	if (!p->bytes)
		return true;
	if (u == FETCH_AHEAD && p->waiting)
		return false;
	return p->requests < requests && p->bytes + bytes <= budget;
}

void fetch_pool_begin(struct fetch_pool *p, size_t bytes, enum fetch_urgency u)
{
	pthread_mutex_lock(&p->lock);
	p->waiting += u == FETCH_DEMAND;
	while (!has_room(p, bytes, u))
		pthread_cond_wait(&p->room, &p->lock);
	p->waiting -= u == FETCH_DEMAND;
	p->bytes += bytes;
	p->requests++;
	if (!p->waiting)
		pthread_cond_broadcast(&p->room);
	pthread_mutex_unlock(&p->lock);
}

void fetch_pool_join(struct fetch_pool *p, size_t bytes)
{
	pthread_mutex_lock(&p->lock);
	p->bytes += bytes;
	p->requests++;
	pthread_mutex_unlock(&p->lock);
}

void fetch_pool_answered(struct fetch_pool *p)
{
	pthread_mutex_lock(&p->lock);
	p->requests--;
	pthread_mutex_unlock(&p->lock);
	pthread_cond_broadcast(&p->room);
}

void fetch_pool_end(struct fetch_pool *p, size_t bytes)
{
	pthread_mutex_lock(&p->lock);
	p->bytes -= bytes;
	pthread_mutex_unlock(&p->lock);
	pthread_cond_broadcast(&p->room);
}
