/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/policy/simulate.h"

#include <errno.h>
#include <string.h>

#define BACKUPS_MAX 120000u

struct simulation {
	const struct policy *policy;
	struct retention rules;
	struct retained_point *point;	/* the living, oldest first */
	size_t n, room;
	int64_t last;			/* the last slot that was met */
	simulated_fn *fn;
	void *arg;
};

static void tell(const struct simulation *s, enum simulated_kind kind, int64_t when, const struct retained_point *p)
{
	s->fn(s->arg, &(struct simulated){ kind, when, p });
}

static int back_up(struct simulation *s, int64_t when)
{
	struct retained_point p = { .time = when, .order = when, .sound = true, .proven = true }, *more;

	if (s->n == s->room) {
		s->room = 2 * s->room + 64;
		more = realloc(s->point, s->room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		s->point = more;
	}
	tell(s, SIMULATED_BACKUP, when, &p);
	s->point[s->n++] = p;
	s->last = when;
	return 0;
}

/* Those that do not live any more go. */
static int expire(struct simulation *s, int64_t when)
{
	size_t kept = 0;

	if (retention_decide(&s->rules, s->point, s->n, when) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < s->n; i++) {
		if (s->point[i].keep)
			s->point[kept++] = s->point[i];
		else
			tell(s, SIMULATED_DEATH, when, &s->point[i]);
	}
	s->n = kept;
	return 0;
}

/* When something can happen next, after `when`. */
static int64_t next(const struct simulation *s, int64_t slot)
{
	int64_t best = slot;

	for (size_t i = 0; i < s->n; i++)
		if (s->point[i].expires < best)
			best = s->point[i].expires;
	return best;
}

static int walk(struct simulation *s, int64_t now, int64_t until)
{
	int64_t slot = policy_next_due(s->policy, s->last, now);
	unsigned backups = 0;
	int rc = 0;

	for (int64_t when = now; rc == 0 && when <= until && backups < BACKUPS_MAX;) {
		if (slot <= when) {
			rc = back_up(s, when);
			slot = policy_slot_after(s->policy, when);
			backups++;
		}
		rc = rc ? rc : expire(s, when);
		when = next(s, slot) > when ? next(s, slot) : when + 1;
	}
	return rc;
}

static int by_time(const void *va, const void *vb)
{
	const struct retained_point *a = va, *b = vb;

	return a->time != b->time ? (a->time > b->time) - (a->time < b->time) : (a->order > b->order) - (a->order < b->order);
}

int policy_simulate(const struct policy *p, const struct retained_point *points, size_t n, int64_t last, int64_t now,
		    int64_t until, simulated_fn *fn, void *arg, struct error *err)
{
	const struct item it = { .state = ITEM_PROTECTED };
	struct simulation s = { .policy = p, .n = n, .room = n, .last = last, .fn = fn, .arg = arg };
	int rc;

	if (until < now || until - now > (int64_t)BACKUPS_MAX * 4 * 3600)
		return error_set(err, EINVAL, "that time is too long, or over");
	policy_retention(p, &it, &s.rules);
	s.point = calloc(n + 1, sizeof(*s.point));
	if (!s.point)
		return error_set(err, ENOMEM, "out of memory");
	if (n)
		memcpy(s.point, points, n * sizeof(*points));
	qsort(s.point, n, sizeof(*s.point), by_time);
	rc = walk(&s, now, until);
	for (size_t i = 0; i < s.n && rc == 0; i++)
		tell(&s, SIMULATED_ALIVE, until, &s.point[i]);
	free(s.point);
	return rc < 0 ? error_set(err, -rc, "out of memory") : 0;
}
