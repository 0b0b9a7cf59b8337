/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/inventory_private.h"
#include "fs/vault/point_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int compare_points(const void *va, const void *vb)
{
	const struct inventory_point *a = va, *b = vb;
	int c = strcmp(a->vm_id, b->vm_id);

	if (!c)
		c = (a->time > b->time) - (a->time < b->time);
	return c ? c : strcmp(a->object, b->object);
}

/* The first `known` are sorted. */
static bool is_known(const struct inventory *inv, size_t known, const struct point_name *name)
{
	struct inventory_point key = { .time = name->time };

	memcpy(key.vm_id, name->vm_id, sizeof(key.vm_id));
	memcpy(key.object, name->object, sizeof(key.object));
	return known && bsearch(&key, inv->point, known, sizeof(key), compare_points);
}

static void take_manifest(struct inventory_point *p, const struct point *from)
{
	snprintf(p->vm, sizeof(p->vm), "%s", from->vm);
	p->store_time = from->store_time;
	p->retain_until = from->retain_until;
	p->rewritten = from->rewritten;
	p->number = from->number;
	p->proven = from->proof == PROOF_PROVEN;
}

/* A point that is leaving and has no refs any more is one that prune was about to delete. */
static int read_refs(struct inventory *inv, struct inventory_point *p, const char *sha256, struct error *err)
{
	bool missing = false;
	int rc = inventory_read_refs(inv, p->session, sha256, &missing, err);

	if (rc == 0) {
		p->state = missing ? POINT_INCOMPLETE : POINT_SOUND;
		snprintf(p->fault, sizeof(p->fault), "%s", missing ? "a segment that it needs is missing" : "");
		return 0;
	}
	if (rc != -ENOENT && rc != -EBADMSG && rc != -ENOTSUP)
		return rc;
	p->state = rc == -ENOENT ? POINT_NO_REFS : POINT_BAD_REFS;
	snprintf(p->fault, sizeof(p->fault), "%.100s", rc == -ENOENT ? "its refs are missing" : err->text);
	if (p->state == POINT_BAD_REFS || !p->marked)
		inventory_block(inv, p->object, p->fault);
	error_clear(err);
	return 0;
}

/* 1: there is a point; 0: it has gone, or is a tombstone. */
static int read_point(struct inventory *inv, struct inventory_point *p, const struct point_name *name,
		      struct error *err)
{
	AUTO(point_free) struct point *from = NULL;
	int rc = point_read(inv->vault, name, &from, err);

	if (rc == -ESTALE) {
		error_clear(err);
		return 0;
	}
	if (rc == -EBADMSG || rc == -ENOTSUP) {
		p->state = POINT_UNREADABLE;
		snprintf(p->fault, sizeof(p->fault), "%.100s", err->text);
		if (!p->marked)		/* a repair hides it, and its refs still count */
			inventory_block(inv, p->object, p->fault);
		error_clear(err);
		return 1;
	}
	if (rc < 0)
		return rc;
	take_manifest(p, from);
	rc = read_refs(inv, p, from->refs_sha256, err);
	return rc < 0 ? rc : 1;
}

static int add_point(struct inventory *inv, size_t known, const struct listed *o, const struct listing_of *marks,
		     struct error *err)
{
	struct inventory_point *p = &inv->point[inv->n_points];
	const struct listed *mark;
	struct point_name name;
	char exp[64];
	int rc;

	if (!point_name_parse(o->name, &name) || is_known(inv, known, &name))
		return 0;
	*p = (struct inventory_point){ .time = name.time, .store_time = o->time };
	memcpy(p->object, name.object, sizeof(p->object));
	memcpy(p->vm_id, name.vm_id, sizeof(p->vm_id));
	memcpy(p->id, name.id, sizeof(p->id));
	snprintf(p->session, sizeof(p->session), "%s", strrchr(o->name, '/') + 1);
	snprintf(exp, sizeof(exp), "exp/%s", p->session);
	mark = listing_find(marks, exp);
	p->marked = mark ? mark->time : 0;
	rc = read_point(inv, p, &name, err);
	inv->n_points += rc == 1;
	return rc < 0 ? rc : 0;
}

int inventory_read_points(struct inventory *inv, const struct listing_of *points, const struct listing_of *marks,
			  struct error *err)
{
	size_t known = inv->n_points;
	void *more = realloc(inv->point, (known + points->n + 1) * sizeof(*inv->point));
	int rc = 0;

	if (!more)
		return error_set(err, ENOMEM, "out of memory");
	inv->point = more;
	for (size_t i = 0; rc == 0 && i < points->n; i++)
		rc = add_point(inv, known, &points->row[i], marks, err);
	if (inv->n_points)
		qsort(inv->point, inv->n_points, sizeof(*inv->point), compare_points);
	return rc;
}
