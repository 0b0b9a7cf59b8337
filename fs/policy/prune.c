/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/policy/job.h"
#include "fs/policy/policy.h"
#include "fs/policy/prune.h"
#include "fs/policy/prune_private.h"
#include "fs/vault/expire.h"
#include "fs/vault/hold.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CLOCK_BACK 300			/* seconds that a store's clock may be seen behind its objects */
#define CLOCK_JUMP (30 * 86400)		/* without any object put meanwhile */

const char *prune_fate_name(enum prune_fate fate)
{
	static const char *const names[] = { "kept", "in use", "expires", "leaving", "deleted", "later", "back", "lost" };

	return names[fate];
}

void prune_result_clear(struct prune_result *r)
{
	inventory_free(r->inventory);
	free(r->point);
	free(r->manifest);
	*r = (struct prune_result){ .n_points = 0 };
}

/* Points must not go because a clock is wrong: that of a folder is its host's. */
static int check_clock(const struct prune *p)
{
	const struct inventory *inv = p->out->inventory;
	int64_t newest = inv->newest;

	for (size_t i = 0; i < inv->n_points; i++)
		if (inv->point[i].store_time > newest)
			newest = inv->point[i].store_time;
	if (!newest || p->opts->trust_clock)
		return 0;
	if (inv->now < newest - CLOCK_BACK) {
		error_set(p->err, EIO, "the store's clock is behind what the vault holds: nothing expires by it");
		error_next(p->err, "Set the clock of the store's host right.  --trust-clock goes on in spite of it.");
		return -EIO;
	}
	if (inv->now - newest <= CLOCK_JUMP)
		return 0;
	error_set(p->err, EIO, "nothing was put into the vault for %lld days, if the store's clock is right: nothing "
		  "expires by it", (long long)(inv->now - newest) / 86400);
	error_next(p->err, "If its time is right, prune once with --trust-clock.");
	return -EIO;
}

static bool same_point(const struct inventory_point *a, const struct inventory_point *b)
{
	return !strcmp(a->vm_id, b->vm_id) && a->time == b->time && !strcmp(a->id, b->id);
}

/* Does a count for more than b, of two manifests of one point? */
static bool counts_more(const struct inventory_point *a, const struct inventory_point *b)
{
	if ((a->state == POINT_SOUND) != (b->state == POINT_SOUND))
		return a->state == POINT_SOUND;
	if (!a->marked != !b->marked)
		return !a->marked;
	if (a->rewritten != b->rewritten)
		return a->rewritten > b->rewritten;
	return strcmp(a->session, b->session) > 0;
}

/* One row for each point. */
static int gather(struct prune *p)
{
	struct inventory *inv = p->out->inventory;

	p->out->point = calloc(inv->n_points + 1, sizeof(*p->out->point));
	if (!p->out->point)
		return error_set(p->err, ENOMEM, "out of memory");
	for (size_t i = 0, n; i < inv->n_points; i += n) {
		struct prune_point *q = &p->out->point[p->out->n_points];

		*q = (struct prune_point){ .manifest = &inv->point[i], .first = i };
		for (n = 0; i + n < inv->n_points && same_point(&inv->point[i], &inv->point[i + n]); n++)
			if (counts_more(&inv->point[i + n], q->manifest))
				q->manifest = &inv->point[i + n];
		q->n = n;
		if (!p->opts->vm_id || !strcmp(p->opts->vm_id, q->manifest->vm_id))
			p->out->n_points++;
	}
	return 0;
}

static void describe(const struct prune *p, struct prune_point *q)
{
	const struct inventory_point *m = q->manifest;

	q->decision = (struct retained_point){
		.time = m->store_time, .order = m->time, .retain_until = m->retain_until, .sound = m->state == POINT_SOUND,
		.proven = m->proven, .unreadable = m->state == POINT_UNREADABLE,
		.held = hold_has(p->holds, p->n_holds, m->vm_id, m->id),
	};
}

/* The points [i, i + n) are those of one VM. */
static int decide_vm(struct prune *p, struct prune_point *q, size_t n)
{
	AUTO(free) struct retained_point *d = calloc(n, sizeof(*d));
	struct retention rules = { .zone = NULL };
	int rc;

	if (!d)
		return error_set(p->err, ENOMEM, "out of memory");
	rc = p->opts->rules(p->opts->arg, q->manifest->vm_id, &rules, p->err);
	for (size_t i = 0; i < n && rc == 0; i++) {
		describe(p, &q[i]);
		d[i] = q[i].decision;
	}
	if (rc == 0 && retention_decide(&rules, d, n, p->out->inventory->now) < 0)
		rc = error_set(p->err, ENOMEM, "out of memory");
	for (size_t i = 0; i < n && rc == 0; i++)
		q[i].decision = d[i];
	return rc;
}

static int decide(struct prune *p)
{
	struct prune_point *q = p->out->point;
	int rc = 0;

	for (size_t i = 0, n; i < p->out->n_points && rc == 0; i += n) {
		for (n = 1; i + n < p->out->n_points && !strcmp(q[i].manifest->vm_id, q[i + n].manifest->vm_id);)
			n++;
		rc = decide_vm(p, &q[i], n);
	}
	return rc;
}

static void count(struct prune_result *r)
{
	for (size_t i = 0; i < r->n_points; i++) {
		enum prune_fate f = r->point[i].fate;

		r->kept += f == PRUNE_KEPT || f == PRUNE_LOST;
		r->expired += f == PRUNE_EXPIRES;
		r->deleted += f == PRUNE_DELETED;
		r->in_use += f == PRUNE_IN_USE;
		r->later += f == PRUNE_LATER;
		r->brought_back += f == PRUNE_BACK;
	}
}

static void prune_clear(struct prune *p)
{
	free(p->holds);
}

static int compact(struct prune *p)
{
	struct compact_options o = { .vm_id = p->opts->vm_id, .dry = p->opts->dry, .progress = p->opts->progress,
				     .arg = p->opts->arg };

	if (!p->opts->compact)
		return 0;
	p->out->compacted = true;
	return compact_run(p->out->inventory, &o, &p->out->compact, p->err);
}

static int collect(struct prune *p)
{
	struct inventory *inv = p->out->inventory;
	int rc = 0;

	if (!p->opts->dry) {
		rc = collect_records(inv, &p->out->records, p->err);
		if (rc == 0)
			rc = hold_drop_old(p->vault, &p->out->records, p->err);
		if (rc == 0)
			rc = item_drop_old(p->vault, &p->out->records, p->err);
		if (rc == 0)
			rc = policy_drop_old(p->vault, &p->out->records, p->err);
		if (rc == 0)
			rc = job_drop_old(p->vault, &p->out->records, p->err);
	}
	if (rc == 0)
		rc = collect_run(inv, p->opts->dry, &p->out->collect, p->err);
	if (inv->blocked[0])
		snprintf(p->out->note, sizeof(p->out->note), "no data is deleted while %.150s cannot be read: %.60s",
			 inv->blocked, inv->why);
	else if (p->out->collect.waits_for[0])
		snprintf(p->out->note, sizeof(p->out->note), "%llu segments wait until %s has ended",
			 (unsigned long long)p->out->collect.waiting, p->out->collect.waits_for);
	return rc;
}

/* A collection looks again, and the inventory's rows move then. */
static int keep_manifests(struct prune_result *r)
{
	r->manifest = calloc(r->n_points + 1, sizeof(*r->manifest));
	for (size_t i = 0; r->manifest && i < r->n_points; i++) {
		r->manifest[i] = *r->point[i].manifest;
		r->point[i].manifest = &r->manifest[i];
	}
	return r->manifest ? 0 : -ENOMEM;
}

int prune_run(struct vault *v, const struct prune_options *o, struct prune_result *out, struct error *err)
{
	__attribute__((cleanup(prune_clear))) struct prune p = { .vault = v, .opts = o, .out = out, .err = err };
	int rc;

	*out = (struct prune_result){ .n_points = 0 };
	out->inventory = inventory_take(v, err);
	if (!out->inventory)
		return err->code ? -err->code : -ENOMEM;
	rc = check_clock(&p);
	if (rc == 0)
		rc = hold_list(v, &p.holds, &p.n_holds, err);
	if (rc == 0)
		rc = gather(&p);
	if (rc == 0)
		rc = decide(&p);
	if (rc == 0)
		rc = prune_expire(&p);
	count(out);
	if (rc == 0 && keep_manifests(out) < 0)
		rc = error_set(err, ENOMEM, "out of memory");
	if (rc == 0)
		rc = compact(&p);
	return rc < 0 ? rc : collect(&p);
}
