/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/collect_private.h"
#include "crypto/hash.h"
#include "fs/vault/expire.h"
#include "fs/vault/point_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define READER_DROPPED COLLECT_SILENT
#define CLAIM_DROPPED COLLECT_SILENT

struct cleaning {
	struct inventory *inv;
	struct vault *vault;
	struct store *st;
	uint64_t n;
	struct error *err;
};

static int drop(struct cleaning *c, const char *name)
{
	int rc = store_remove(c->st, name, c->err);

	if (store_says_later(rc)) {
		error_clear(c->err);
		return 0;
	}
	c->n += rc == 0;
	return rc;
}

/* Of sessions whose name is taken: they committed and died before they could
 * say so, or were ended. */
static int drop_sessions(struct cleaning *c)
{
	int rc = 0;

	for (size_t i = 0; i < c->inv->n_sessions && rc == 0; i++) {
		if (!inventory_is_taken(c->inv, c->inv->session[i].id))
			continue;
		rc = signs_remove(c->vault, OBJECT_SESSION, c->inv->session[i].id, c->err);
		c->n += rc == 0;
		rc = store_says_later(rc) ? 0 : rc;
	}
	return rc;
}

static int drop_readers(struct cleaning *c)
{
	__attribute__((cleanup(readers_seen_clear))) struct readers_seen r = { .n = 0 };
	int rc = readers_seen_take(c->vault, &r, c->err);

	for (size_t i = 0; i < r.n && rc == 0; i++) {
		if (r.now - r.row[i].last <= READER_DROPPED)
			continue;
		rc = signs_remove(c->vault, OBJECT_READER, r.row[i].id, c->err);
		c->n += rc == 0;
		rc = store_says_later(rc) ? 0 : rc;
	}
	return rc;
}

/* What a backup stored of its refs before it was cut, or ended. */
static int drop_refs(struct cleaning *c)
{
	char name[64];
	int rc = 0;

	for (size_t i = 0; i < c->inv->n_dead && rc == 0; i++) {
		snprintf(name, sizeof(name), "ref/%s", c->inv->dead[i]);
		rc = drop(c, name);
	}
	return rc;
}

static bool has_segments(const struct inventory *inv, const char *session)
{
	char id[2 * SESSION_ID_BYTES + 1];

	for (size_t i = 0; i < inv->segments_room; i++) {
		if (!inv->segment[i].time)
			continue;
		hex_encode(inv->segment[i].id, SESSION_ID_BYTES, id);
		if (!strcmp(id, session))
			return true;
	}
	return false;
}

/* A mark is needed as long as a put of its manifest may still arrive, and as
 * long as a backup would take what its session stored for that of one that was cut. */
static int drop_marks(struct cleaning *c)
{
	__attribute__((cleanup(listing_of_clear))) struct listing_of l = { .n = 0 };
	int rc = listing_take(c->st, "exp/", &l, c->err);

	for (size_t i = 0; i < l.n && rc == 0; i++)
		if (c->inv->now - l.row[i].time > RECORD_KEPT && !inventory_is_taken(c->inv, l.row[i].name + 4) &&
		    !has_segments(c->inv, l.row[i].name + 4))
			rc = drop(c, l.row[i].name);
	return rc;
}

static int drop_tombstones(struct cleaning *c, const struct listing_of *points)
{
	int rc = 0;

	for (size_t i = 0; i < points->n && rc == 0; i++) {
		const struct listed *o = &points->row[i];
		const char *session = strrchr(o->name, '/') + 1;
		struct point_name name;

		if (o->size <= TOMBSTONE_MAX && c->inv->now - o->time > RECORD_KEPT && point_name_parse(o->name, &name) &&
		    !inventory_has_committed(c->inv, session) && !signs_find(c->inv->session, c->inv->n_sessions, session))
			rc = drop(c, o->name);
	}
	return rc;
}

static bool has_points(const struct listing_of *points, const char *vm_id, size_t len)
{
	for (size_t i = 0; i < points->n; i++)
		if (points->row[i].size > TOMBSTONE_MAX && !strncmp(points->row[i].name + 3, vm_id, len) &&
		    points->row[i].name[3 + len] == '/')
			return true;
	return false;
}

/* trace/<vm id>.<n>, of VMs that have no point any more. */
static int drop_traces(struct cleaning *c, const struct listing_of *points)
{
	__attribute__((cleanup(listing_of_clear))) struct listing_of l = { .n = 0 };
	int rc = listing_take(c->st, "trace/", &l, c->err);

	for (size_t i = 0; i < l.n && rc == 0; i++) {
		const char *vm_id = l.row[i].name + 6;

		if (!has_points(points, vm_id, strcspn(vm_id, ".")))
			rc = drop(c, l.row[i].name);
	}
	return rc;
}

static int drop_what_points_left(struct cleaning *c)
{
	__attribute__((cleanup(listing_of_clear))) struct listing_of points = { .n = 0 };
	int rc = listing_take(c->st, "pt/", &points, c->err);

	if (rc == 0)
		rc = drop_tombstones(c, &points);
	return rc == 0 ? drop_traces(c, &points) : rc;
}

/* Names of records are never drawn twice: a claim without its record is nobody's. */
static int drop_claims(struct cleaning *c)
{
	__attribute__((cleanup(listing_of_clear))) struct listing_of l = { .n = 0 };
	int rc = listing_take(c->st, "cond/", &l, c->err);

	for (size_t i = 0; i < l.n && rc == 0; i++) {
		char record[192];
		size_t len = strlen(l.row[i].name);

		if (len <= 6 || strcmp(l.row[i].name + len - 6, ".claim"))
			continue;
		snprintf(record, sizeof(record), "%.*s", (int)len - 6, l.row[i].name);
		if (c->inv->now - l.row[i].time > CLAIM_DROPPED && !listing_find(&l, record))
			rc = drop(c, l.row[i].name);
	}
	return rc;
}

int collect_records(struct inventory *inv, uint64_t *n, struct error *err)
{
	struct cleaning c = { .inv = inv, .vault = inv->vault, .st = vault_store(inv->vault), .err = err };
	int rc = drop_sessions(&c);

	if (rc == 0)
		rc = drop_readers(&c);
	if (rc == 0)
		rc = drop_refs(&c);
	if (rc == 0)
		rc = drop_marks(&c);
	if (rc == 0)
		rc = drop_what_points_left(&c);
	if (rc == 0)
		rc = drop_claims(&c);
	*n = c.n;
	return rc;
}
