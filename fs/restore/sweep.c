/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/restore/sweep.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#define THREADS_MAX 8u
#define HOLE_STEP (64u << 20)
#define LOOK_AHEAD (UINT64_C(64) << 30)	/* bytes whose extents are asked for at once */
#define TICK_NS 200000000L

struct step { uint64_t off, len; bool hole; };

struct state {
	const struct sweep *s;
	pthread_mutex_t lock;		/* guards all below */
	pthread_cond_t change;
	uint64_t cursor;		/* steps below have been handed out */
	struct step extent;		/* where the cursor is */
	uint64_t doing[THREADS_MAX];	/* offset of each thread's step, and of one that failed; UINT64_MAX: none */
	unsigned running;
	int rc;
	uint64_t failed_at;
};

struct thread { struct state *st; unsigned n; };

/* The first extent that is to be visited stops the walk. */
static int first_extent(void *arg, uint64_t off, uint64_t len, enum extent_type type)
{
	struct state *st = arg;

	st->extent = (struct step){ off, len, type == EXTENT_HOLE };
	return type == EXTENT_DATA || st->s->holes ? 1 : 0;
}

/* Under the lock: false at the end. */
static bool next_step(struct state *st, struct step *out)
{
	const struct sweep *s = st->s;
	uint64_t size = s->from->size, end, limit;

	while (st->cursor >= (end = st->extent.off + st->extent.len) || (st->extent.hole && !s->holes)) {
		int rc;

		if (end > st->cursor)
			st->cursor = end;
		if (st->cursor >= size)
			return false;
		rc = blockdev_extents(s->from, st->cursor,
				      size - st->cursor < LOOK_AHEAD ? size - st->cursor : LOOK_AHEAD,
				      first_extent, st);
		/* Something further on cannot be told: whoever reads comes to it. */
		if (rc < 0)
			st->extent = (struct step){ st->cursor, size - st->cursor < SWEEP_STEP ? size - st->cursor
										 : SWEEP_STEP, false };
		/* The extent begins at the cursor, or behind holes that are passed over. */
		st->cursor = st->extent.off;
	}
	limit = st->extent.hole ? HOLE_STEP : SWEEP_STEP;
	limit -= st->cursor % limit;
	*out = (struct step){ st->cursor, end - st->cursor < limit ? end - st->cursor : limit,
			      st->extent.hole };
	st->cursor += out->len;
	/* One step more than the threads work on is on the way. */
	if (s->from->far && !out->hole && end > st->cursor)
		blockdev_prefetch(s->from, st->cursor, end - st->cursor < SWEEP_STEP ? end - st->cursor : SWEEP_STEP);
	return true;
}

static void fail(struct state *st, int rc, uint64_t at)
{
	if (st->rc == 0) {
		st->rc = rc;
		st->failed_at = at;
	}
}

static void *work(void *arg)
{
	struct thread *t = arg;
	struct state *st = t->st;
	AUTO(free) void *buf = aligned_alloc(4096, SWEEP_STEP);
	struct step step;
	int rc;

	pthread_mutex_lock(&st->lock);
	if (!buf)
		fail(st, -ENOMEM, UINT64_MAX);
	while (st->rc == 0 && next_step(st, &step)) {
		st->doing[t->n] = step.off;
		pthread_mutex_unlock(&st->lock);
		rc = st->s->visit(st->s->arg, step.off, step.len, step.hole, buf);
		pthread_mutex_lock(&st->lock);
		if (rc < 0)
			fail(st, rc, step.off);
		else
			st->doing[t->n] = UINT64_MAX;
	}
	st->running--;
	pthread_cond_signal(&st->change);
	pthread_mutex_unlock(&st->lock);
	return NULL;
}

static uint64_t done_below(const struct state *st)
{
	uint64_t done = st->cursor;

	for (unsigned i = 0; i < THREADS_MAX; i++)
		if (st->doing[i] < done)
			done = st->doing[i];
	return done;
}

/* Until all threads have ended; tells how far they are. */
static void watch(struct state *st)
{
	struct timespec until;
	uint64_t done;
	int rc;

	pthread_mutex_lock(&st->lock);
	while (st->running) {
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += TICK_NS;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		pthread_cond_timedwait(&st->change, &st->lock, &until);
		done = done_below(st);
		pthread_mutex_unlock(&st->lock);
		rc = st->s->tick ? st->s->tick(st->s->arg, done) : 0;
		pthread_mutex_lock(&st->lock);
		if (rc)
			fail(st, rc, UINT64_MAX);
	}
	pthread_mutex_unlock(&st->lock);
}

static unsigned thread_count(unsigned wanted)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned n = wanted ? wanted : cpus > 2 ? (unsigned)cpus : 2;

	return n < THREADS_MAX ? n : THREADS_MAX;
}

static unsigned start(struct state *st, struct thread *arg, pthread_t *id)
{
	unsigned n = thread_count(st->s->threads), i;
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	pthread_mutex_lock(&st->lock);
	for (i = 0; i < n; i++) {
		arg[i] = (struct thread){ st, i };
		if (pthread_create(&id[i], NULL, work, &arg[i]))
			break;
		st->running++;
	}
	if (!i)
		fail(st, -EAGAIN, UINT64_MAX);
	pthread_mutex_unlock(&st->lock);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return i;
}

int sweep_run(const struct sweep *s, uint64_t *failed_at)
{
	struct state st = { .s = s, .cursor = s->start, .failed_at = UINT64_MAX };
	struct thread arg[THREADS_MAX];
	pthread_t id[THREADS_MAX];
	pthread_condattr_t attr;
	unsigned n;

	for (unsigned i = 0; i < THREADS_MAX; i++)
		st.doing[i] = UINT64_MAX;
	pthread_mutex_init(&st.lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&st.change, &attr);
	pthread_condattr_destroy(&attr);
	n = start(&st, arg, id);
	watch(&st);
	for (unsigned i = 0; i < n; i++)
		pthread_join(id[i], NULL);
	pthread_cond_destroy(&st.change);
	pthread_mutex_destroy(&st.lock);
	*failed_at = st.failed_at;
	return st.rc;
}
