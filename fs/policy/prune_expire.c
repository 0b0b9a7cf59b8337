/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/policy/prune_private.h"
#include "fs/util/log.h"
#include "fs/vault/expire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct inventory_point *manifest_at(const struct prune *p, const struct prune_point *q, size_t i)
{
	return &p->out->inventory->point[q->first + i];
}

static bool is_over(const struct prune *p, const struct inventory_point *m)
{
	return m->marked && p->out->inventory->now - m->marked > EXPIRE_GRACE;
}

static const struct sign *reader_of(const struct prune *p, const struct prune_point *q, const struct readers_seen *r)
{
	const struct sign *reader = NULL;

	for (size_t i = 0; i < q->n && !reader; i++)
		reader = readers_seen_on(r, manifest_at(p, q, i)->object);
	return reader;
}

/* What is to become of a point, by what was decided and who reads it. */
static enum prune_fate fate_of(const struct prune *p, const struct prune_point *q, const struct readers_seen *r)
{
	const struct inventory_point *m = q->manifest;
	const struct sign *reader = reader_of(p, q, r);

	/* Only a deletion that was begun leaves a hidden manifest without refs. */
	if (m->marked && m->state == POINT_NO_REFS)
		return reader ? PRUNE_IN_USE : is_over(p, m) ? PRUNE_DELETED : PRUNE_LEAVING;
	if (q->decision.keep && m->marked)
		return m->state == POINT_SOUND ? PRUNE_BACK : PRUNE_LOST;
	if (q->decision.keep)
		return PRUNE_KEPT;
	if (reader)
		return PRUNE_IN_USE;
	if (!m->marked)
		return PRUNE_EXPIRES;
	return is_over(p, m) ? PRUNE_DELETED : PRUNE_LEAVING;
}

/* P1, for what counts and for what newer manifests of the same point stand for. */
static int mark(struct prune *p, struct prune_point *q)
{
	bool superseded = q->manifest->state == POINT_SOUND && !q->manifest->marked;
	int rc = 0;

	for (size_t i = 0; i < q->n && rc == 0; i++) {
		struct inventory_point *m = manifest_at(p, q, i);

		if (m->marked || (q->fate != PRUNE_EXPIRES && (m == q->manifest || !superseded)))
			continue;
		rc = expire_mark(p->vault, m->object, p->err);
	}
	return rc;
}

/* P3 for a manifest: 1: done, 0: the store does not let go of it yet. */
static int delete_one(struct prune *p, const struct inventory_point *m)
{
	int rc = expire_delete(p->out->inventory, m, p->err);

	if (!store_says_later(rc))
		return rc < 0 ? rc : 1;
	error_clear(p->err);
	return 0;
}

static int delete_all(struct prune *p, struct prune_point *q, const struct readers_seen *r)
{
	/* A newer manifest that stays stands for the older ones. */
	bool superseded = q->manifest->state == POINT_SOUND && !q->manifest->marked;
	int rc = 1;

	for (size_t i = 0; i < q->n && rc >= 0; i++) {
		const struct inventory_point *m = manifest_at(p, q, i);

		if (!is_over(p, m) || readers_seen_on(r, m->object) ||
		    (q->fate != PRUNE_DELETED && (m == q->manifest || !superseded)))
			continue;
		rc = delete_one(p, m);
		if (rc == 0 && m == q->manifest)
			q->fate = PRUNE_LATER;
	}
	return rc < 0 ? rc : 0;
}

static int bring_back(struct prune *p, struct prune_point *q)
{
	int rc = compact_recommit(p->vault, q->manifest, false, NULL, p->err);

	if (rc == -ESTALE || rc == -EBADMSG || rc == -ENOENT || rc == -EEXIST) {
		log_warning("%s cannot be brought back: %s", q->manifest->object, p->err->text);
		error_clear(p->err);
		q->fate = PRUNE_LOST;
		return 0;
	}
	return rc;
}

static int for_each(struct prune *p, int (*fn)(struct prune *, struct prune_point *))
{
	int rc = 0;

	for (size_t i = 0; i < p->out->n_points && rc == 0; i++)
		rc = fn(p, &p->out->point[i]);
	return rc;
}

static int bring_back_if(struct prune *p, struct prune_point *q)
{
	return q->fate == PRUNE_BACK ? bring_back(p, q) : 0;
}

/* P2: the readers are listed anew, after all marks that count by now were put. */
static int delete_marked(struct prune *p)
{
	__attribute__((cleanup(readers_seen_clear))) struct readers_seen r = { .n = 0 };
	int rc = readers_seen_take(p->vault, &r, p->err);

	for (size_t i = 0; i < p->out->n_points && rc == 0; i++) {
		struct prune_point *q = &p->out->point[i];

		if (q->fate == PRUNE_DELETED && reader_of(p, q, &r))
			q->fate = PRUNE_IN_USE;
		rc = delete_all(p, q, &r);
	}
	return rc;
}

int prune_expire(struct prune *p)
{
	__attribute__((cleanup(readers_seen_clear))) struct readers_seen r = { .n = 0 };
	int rc = readers_seen_take(p->vault, &r, p->err);

	for (size_t i = 0; i < p->out->n_points && rc == 0; i++)
		p->out->point[i].fate = fate_of(p, &p->out->point[i], &r);
	if (rc < 0 || p->opts->dry)
		return rc;
	rc = for_each(p, bring_back_if);
	if (rc == 0)
		rc = prune_log(p);
	if (rc == 0)
		rc = for_each(p, mark);
	return rc < 0 ? rc : delete_marked(p);
}
