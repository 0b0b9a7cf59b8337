/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/slowstore.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct slowstore {
	struct store *lower;
	unsigned round_trip_us;
	uint64_t bytes_per_s;
	pthread_mutex_t lock;		/* guards all below */
	pthread_cond_t healed;
	bool cut, print;
	int fail;
	struct slow_count count;
	unsigned now;			/* on the way */
	int64_t line_free_ns;		/* when the last byte that was asked for is through */
	unsigned ended_depth;		/* of the requests that have ended the deepest */
};

struct share { struct store st; struct slowstore *s; };

static struct slowstore *of(struct store *st)
{
	return ((struct share *)st)->s;
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void sleep_until(int64_t ns)
{
	struct timespec t = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

/* The request's place in a row; half of the round trip passes. */
static int begin(struct slowstore *s, const char *op, const char *name, uint64_t off, size_t len, unsigned *depth,
		 struct error *err)
{
	int fail;

	pthread_mutex_lock(&s->lock);
	*depth = s->ended_depth + 1;
	s->count.requests++;
	s->now++;
	if (s->now > s->count.most)
		s->count.most = s->now;
	if (*depth > s->count.in_a_row)
		s->count.in_a_row = *depth;
	if (s->print)
		fprintf(stderr, "%u %s %s %llu+%zu\n", *depth, op, name, (unsigned long long)off, len);
	while (s->cut)
		pthread_cond_wait(&s->healed, &s->lock);
	fail = s->fail;
	pthread_mutex_unlock(&s->lock);
	sleep_until(now_ns() + (int64_t)s->round_trip_us * 500);
	return fail ? error_set(err, fail, "the network is down") : 0;
}

/* Its bytes pass the line behind those of others, then the other half passes. */
static void end(struct slowstore *s, size_t bytes, unsigned depth)
{
	int64_t at = now_ns();

	pthread_mutex_lock(&s->lock);
	s->count.bytes += bytes;
	if (s->bytes_per_s) {
		if (s->line_free_ns < at)
			s->line_free_ns = at;
		s->line_free_ns += (int64_t)((double)bytes * 1e9 / (double)s->bytes_per_s);
		at = s->line_free_ns;
	}
	pthread_mutex_unlock(&s->lock);
	sleep_until(at + (int64_t)s->round_trip_us * 500);
	pthread_mutex_lock(&s->lock);
	s->now--;
	if (depth > s->ended_depth)
		s->ended_depth = depth;
	pthread_mutex_unlock(&s->lock);
}

static int slow_get(struct store *st, const char *name, uint64_t off, void *buf, size_t len, size_t *got,
		    struct error *err)
{
	struct slowstore *s = of(st);
	unsigned depth;
	int rc = begin(s, "get", name, off, len, &depth, err);

	rc = rc < 0 ? rc : store_get(s->lower, name, off, buf, len, got, err);
	end(s, rc < 0 ? 0 : *got, depth);
	return rc;
}

static int slow_put(struct store *st, const char *name, const void *data, size_t len, enum put_mode mode,
		    struct error *err)
{
	struct slowstore *s = of(st);
	unsigned depth;
	int rc = begin(s, "put", name, 0, len, &depth, err);

	rc = rc < 0 ? rc : store_put(s->lower, name, data, len, mode, err);
	end(s, 0, depth);
	return rc;
}

static int slow_stat(struct store *st, const char *name, struct object *o, struct error *err)
{
	struct slowstore *s = of(st);
	unsigned depth;
	int rc = begin(s, "stat", name, 0, 0, &depth, err);

	rc = rc < 0 ? rc : store_stat(s->lower, name, o, err);
	end(s, 0, depth);
	return rc;
}

static int slow_list(struct store *st, const char *prefix, object_fn *fn, void *arg, struct error *err)
{
	struct slowstore *s = of(st);
	unsigned depth;
	int rc = begin(s, "list", prefix, 0, 0, &depth, err);

	end(s, 0, depth);
	return rc < 0 ? rc : store_list(s->lower, prefix, fn, arg, err);
}

static int slow_remove(struct store *st, const char *name, struct error *err)
{
	struct slowstore *s = of(st);
	unsigned depth;
	int rc = begin(s, "remove", name, 0, 0, &depth, err);

	rc = rc < 0 ? rc : store_remove(s->lower, name, err);
	end(s, 0, depth);
	return rc;
}

static int slow_now(struct store *st, int64_t *seconds, struct error *err)
{
	struct slowstore *s = of(st);
	unsigned depth;
	int rc = begin(s, "now", "", 0, 0, &depth, err);

	rc = rc < 0 ? rc : store_now(s->lower, seconds, err);
	end(s, 0, depth);
	return rc;
}

static void share_free(struct store *st)
{
	free(st);
}

static const struct store_ops slow_ops = {
	.scheme = "slow", .get = slow_get, .put = slow_put, .stat = slow_stat, .list = slow_list,
	.remove = slow_remove, .now = slow_now, .free = share_free,
};

static const struct store_ops readonly_ops = {
	.scheme = "slow", .get = slow_get, .stat = slow_stat, .list = slow_list, .now = slow_now, .free = share_free,
};

struct slowstore *slowstore_new(struct store *lower_taken, unsigned round_trip_us, uint64_t bytes_per_s)
{
	struct slowstore *s = calloc(1, sizeof(*s));

	s->lower = lower_taken;
	s->round_trip_us = round_trip_us;
	s->bytes_per_s = bytes_per_s;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->healed, NULL);
	return s;
}

void slowstore_free(struct slowstore *s)
{
	store_free(s->lower);
	pthread_cond_destroy(&s->healed);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

struct store *slowstore_share(struct slowstore *s)
{
	struct share *h = calloc(1, sizeof(*h));

	h->st.ops = &slow_ops;
	h->st.conditional_put = true;
	h->s = s;
	return &h->st;
}

struct store *slowstore_share_readonly(struct slowstore *s)
{
	struct store *st = slowstore_share(s);

	st->ops = &readonly_ops;
	return st;
}

void slowstore_set_line(struct slowstore *s, unsigned round_trip_us, uint64_t bytes_per_s)
{
	s->round_trip_us = round_trip_us;
	s->bytes_per_s = bytes_per_s;
}

void slowstore_reset(struct slowstore *s)
{
	pthread_mutex_lock(&s->lock);
	memset(&s->count, 0, sizeof(s->count));
	s->ended_depth = 0;
	pthread_mutex_unlock(&s->lock);
}

struct slow_count slowstore_count(struct slowstore *s)
{
	struct slow_count c;

	pthread_mutex_lock(&s->lock);
	c = s->count;
	pthread_mutex_unlock(&s->lock);
	return c;
}

void slowstore_print(struct slowstore *s, bool on)
{
	s->print = on;
}

void slowstore_cut(struct slowstore *s, bool cut)
{
	pthread_mutex_lock(&s->lock);
	s->cut = cut;
	pthread_cond_broadcast(&s->healed);
	pthread_mutex_unlock(&s->lock);
}

void slowstore_fail(struct slowstore *s, int code)
{
	pthread_mutex_lock(&s->lock);
	s->fail = code;
	pthread_mutex_unlock(&s->lock);
}
