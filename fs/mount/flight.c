/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/mount/flight.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define ACTIVE 1u

struct worker {
	struct flights *owner;
	struct worker *next;
	void *buffer;
	_Atomic(fuse_req_t) req;		/* written before state becomes ACTIVE */
	_Atomic int64_t since_ms;
	_Atomic uint64_t state;
};

struct flights {
	int64_t deadline_ms;
	pthread_key_t key;
	unsigned at_once;
	_Atomic uint64_t late;
	pthread_mutex_t lock;		/* guards all below */
	pthread_cond_t wake;
	struct worker *workers;
	unsigned blocking;
	struct parked *first, **last;
	bool stop, watching;
	pthread_t watchdog;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The thread ends: nothing of it is in flight. */
static void worker_end(void *arg)
{
	struct worker *w = arg, **at;
	struct flights *f = w->owner;

	pthread_mutex_lock(&f->lock);
	for (at = &f->workers; *at != w; at = &(*at)->next)
		;
	*at = w->next;
	pthread_mutex_unlock(&f->lock);
	munmap(w->buffer, WORKER_BUFFER);
	free(w);
}

struct flights *flights_new(unsigned deadline_s, unsigned at_once, struct error *err)
{
	struct flights *f = calloc(1, sizeof(*f));
	pthread_condattr_t attr;

	if (!f)
		return error_null(err, ENOMEM, "out of memory");
	if (pthread_key_create(&f->key, worker_end)) {
		free(f);
		return error_null(err, EAGAIN, "no thread-specific data left");
	}
	f->deadline_ms = (int64_t)deadline_s * 1000;
	f->at_once = at_once;
	f->last = &f->first;
	pthread_mutex_init(&f->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&f->wake, &attr);
	pthread_condattr_destroy(&attr);
	return f;
}

/* Answer what has waited too long; the caller holds the lock, so that no
 * worker goes away.  A worker that blocks has not ended. */
static void answer_late(struct flights *f)
{
	int64_t now = now_ms();
	struct worker *w;

	for (w = f->workers; w; w = w->next) {
		uint64_t state = atomic_load_explicit(&w->state, memory_order_acquire);
		fuse_req_t req = w->req;

		if (!(state & ACTIVE) || now - atomic_load(&w->since_ms) < f->deadline_ms)
			continue;
		if (!atomic_compare_exchange_strong(&w->state, &state, state + 1))
			continue;
		fuse_reply_err(req, EIO);
		atomic_fetch_add(&f->late, 1);
	}
}

/* The same for those that nobody works on; they were parked in order. */
static void answer_late_parked(struct flights *f)
{
	int64_t now = now_ms();

	while (f->first && now - f->first->since_ms >= f->deadline_ms) {
		struct parked *p = f->first;

		f->first = p->next;
		if (!f->first)
			f->last = &f->first;
		fuse_reply_err(p->req, EIO);
		atomic_fetch_add(&f->late, 1);
		p->drop(p);
	}
}

static void *watch(void *arg)
{
	struct flights *f = arg;
	struct timespec until;

	pthread_mutex_lock(&f->lock);
	while (!f->stop) {
		answer_late(f);
		answer_late_parked(f);
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += 1;
		pthread_cond_timedwait(&f->wake, &f->lock, &until);
	}
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

int flights_watch(struct flights *f, struct error *err)
{
	sigset_t all, old;
	int rc;

	if (!f->deadline_ms)
		return 0;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	rc = pthread_create(&f->watchdog, NULL, watch, f);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc)
		return error_set(err, rc, "cannot start a thread: %s", strerror(rc));
	f->watching = true;
	return 0;
}

void flights_free(struct flights *f)
{
	struct worker *w;

	if (!f)
		return;
	if (f->watching) {
		pthread_mutex_lock(&f->lock);
		f->stop = true;
		pthread_cond_signal(&f->wake);
		pthread_mutex_unlock(&f->lock);
		pthread_join(f->watchdog, NULL);
	}
	/* The calling thread's own worker, if it served requests. */
	w = pthread_getspecific(f->key);
	if (w)
		worker_end(w);
	pthread_key_delete(f->key);
	pthread_cond_destroy(&f->wake);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

struct worker *flights_worker(struct flights *f)
{
	struct worker *w = pthread_getspecific(f->key);

	if (w)
		return w;
	w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	w->owner = f;
	w->buffer = mmap(NULL, WORKER_BUFFER, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (w->buffer == MAP_FAILED || pthread_setspecific(f->key, w)) {
		if (w->buffer != MAP_FAILED)
			munmap(w->buffer, WORKER_BUFFER);
		free(w);
		return NULL;
	}
	pthread_mutex_lock(&f->lock);
	w->next = f->workers;
	f->workers = w;
	pthread_mutex_unlock(&f->lock);
	return w;
}

bool flights_try(struct flights *f)
{
	bool may;

	pthread_mutex_lock(&f->lock);
	may = f->blocking < f->at_once;
	f->blocking += may;
	pthread_mutex_unlock(&f->lock);
	return may;
}

bool flights_enter(struct flights *f, struct parked *p)
{
	bool may;

	pthread_mutex_lock(&f->lock);
	may = f->blocking < f->at_once;
	f->blocking += may;
	if (!may) {
		p->since_ms = now_ms();
		p->next = NULL;
		*f->last = p;
		f->last = &p->next;
	}
	pthread_mutex_unlock(&f->lock);
	return may;
}

struct parked *flights_leave(struct flights *f)
{
	struct parked *p;

	pthread_mutex_lock(&f->lock);
	p = f->first;
	if (p) {
		f->first = p->next;
		if (!f->first)
			f->last = &f->first;
	} else {
		f->blocking--;
	}
	pthread_mutex_unlock(&f->lock);
	return p;
}

uint64_t flights_late(const struct flights *f)
{
	return atomic_load(&f->late);
}

void *worker_buffer(struct worker *w)
{
	return w->buffer;
}

static void take_off(struct worker *w, fuse_req_t req, int64_t since_ms)
{
	uint64_t state = atomic_load_explicit(&w->state, memory_order_relaxed);

	atomic_store_explicit(&w->req, req, memory_order_relaxed);
	atomic_store_explicit(&w->since_ms, since_ms, memory_order_relaxed);
	atomic_store_explicit(&w->state, state + 1, memory_order_release);
}

void worker_take_off(struct worker *w, fuse_req_t req)
{
	take_off(w, req, now_ms());
}

void worker_take_off_parked(struct worker *w, const struct parked *p)
{
	take_off(w, p->req, p->since_ms);
}

bool worker_land(struct worker *w)
{
	uint64_t state = atomic_load_explicit(&w->state, memory_order_relaxed);

	return (state & ACTIVE) &&
	       atomic_compare_exchange_strong(&w->state, &state, state + 1);
}
