/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/inventory.h"
#include "crypto/bytes.h"
#include "crypto/hash.h"
#include "fs/vault/inventory_private.h"
#include "fs/vault/point_private.h"
#include "fs/vault/refs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DEAD_REFS_SECONDS (7 * 86400)	/* refs of a session that left without a word */

void inventory_free(struct inventory *inv)
{
	if (!inv)
		return;
	free(inv->point);
	free(inv->ended);
	free(inv->committed);
	free(inv->read);
	free(inv->dead);
	free(inv->segment);
	free(inv->session);
	free(inv);
}

static int add_listed(void *arg, const struct object *o)
{
	struct listing_of *l = arg;

	if (l->newest && o->time > *l->newest)
		*l->newest = o->time;
	if (l->n == l->room) {
		size_t room = l->room ? l->room * 2 : 256;
		struct listed *more = realloc(l->row, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		l->row = more;
		l->room = room;
	}
	if (strlen(o->name) >= sizeof(l->row->name))
		return 0;
	l->row[l->n] = (struct listed){ .size = o->size, .time = o->time };
	memcpy(l->row[l->n++].name, o->name, strlen(o->name) + 1);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct listed *)a)->name, ((const struct listed *)b)->name);
}

int listing_take(struct store *st, const char *prefix, struct listing_of *l, struct error *err)
{
	int rc = store_list(st, prefix, add_listed, l, err);

	if (rc == 0 && l->n)
		qsort(l->row, l->n, sizeof(*l->row), by_name);
	return rc == -ENOMEM ? error_set(err, ENOMEM, "out of memory") : rc;
}

const struct listed *listing_find(const struct listing_of *l, const char *name)
{
	struct listed key;

	snprintf(key.name, sizeof(key.name), "%s", name);
	return l->n ? bsearch(&key, l->row, l->n, sizeof(*l->row), by_name) : NULL;
}

/* The id ends in random bytes. */
static struct inventory_segment *find(struct inventory_segment *table, size_t room, const uint8_t *id)
{
	size_t i = le64(id + SEGMENT_ID_BYTES - 8) & (room - 1);

	while ((table[i].size || table[i].names) && memcmp(table[i].id, id, SEGMENT_ID_BYTES))
		i = (i + 1) & (room - 1);
	return &table[i];
}

struct inventory_segment *inventory_segment(const struct inventory *inv, const uint8_t id[SEGMENT_ID_BYTES])
{
	struct inventory_segment *s = inv->segments_room ? find(inv->segment, inv->segments_room, id) : NULL;

	return s && (s->size || s->names) ? s : NULL;
}

static int grow(struct inventory *inv)
{
	size_t room = inv->segments_room ? inv->segments_room * 2 : 1024;
	struct inventory_segment *table = calloc(room, sizeof(*table));

	if (!table)
		return -ENOMEM;
	for (size_t i = 0; i < inv->segments_room; i++)
		if (inv->segment[i].size || inv->segment[i].names)
			*find(table, room, inv->segment[i].id) = inv->segment[i];
	free(inv->segment);
	inv->segment = table;
	inv->segments_room = room;
	return 0;
}

struct inventory_segment *inventory_add_segment(struct inventory *inv, const uint8_t id[SEGMENT_ID_BYTES])
{
	struct inventory_segment *s;

	if (inv->n_segments * 2 >= inv->segments_room && grow(inv) < 0)
		return NULL;
	s = find(inv->segment, inv->segments_room, id);
	if (!s->size && !s->names) {
		memcpy(s->id, id, SEGMENT_ID_BYTES);
		inv->n_segments++;
	}
	return s;
}

/* An empty object is none that was put; it counts as one byte, so that its row is taken. */
static int note_segment(void *arg, const struct object *o)
{
	struct inventory *inv = arg;
	const char *last = strrchr(o->name, '/');
	uint8_t id[SEGMENT_ID_BYTES];
	struct inventory_segment *s;
	char expect[160];

	if (o->time > inv->newest)
		inv->newest = o->time;
	if (!last || hex_decode(last + 1, id, sizeof(id)) < 0)
		return 0;
	segment_name(id, expect, sizeof(expect));
	if (strcmp(expect, o->name))
		return 0;
	s = inventory_add_segment(inv, id);
	if (!s)
		return -ENOMEM;
	s->size = o->size ? o->size : 1;
	s->time = o->time;
	return 0;
}

void inventory_block(struct inventory *inv, const char *object, const char *why)
{
	if (inv->blocked[0])
		return;
	snprintf(inv->blocked, sizeof(inv->blocked), "%s", object);
	snprintf(inv->why, sizeof(inv->why), "%.255s", why);
}

static bool is_there(struct inventory *inv, struct inventory_segment *s)
{
	struct object o;
	char name[160];

	if (s->time)
		return true;
	segment_name(s->id, name, sizeof(name));
	if (store_stat(vault_store(inv->vault), name, &o, NULL) < 0)
		return false;
	s->size = o.size ? o.size : 1;		/* put after the list was made */
	s->time = o.time;
	return true;
}

static int push(char (**list)[SESSION_DIGITS + 1], size_t *n, const char *session)
{
	void *more = *n % 256 ? *list : realloc(*list, (*n + 256) * sizeof(**list));

	if (!more)
		return -ENOMEM;
	*list = more;
	snprintf((*list)[(*n)++], sizeof(**list), "%s", session);
	return 0;
}

int inventory_read_refs(struct inventory *inv, const char *session, const char *sha256, bool *missing,
			struct error *err)
{
	AUTO(free) struct refs_row *rows = NULL;
	uint8_t id[SESSION_ID_BYTES];
	size_t n;
	int rc = hex_decode(session, id, sizeof(id)) < 0 ? -EBADMSG : 0;

	if (rc == 0)
		rc = refs_get(vault_store(inv->vault), id, sha256, &rows, &n, err);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct inventory_segment *s = inventory_add_segment(inv, rows[i].segment);

		if (!s)
			return error_set(err, ENOMEM, "out of memory");
		s->names++;
		s->most = rows[i].bytes > s->most ? rows[i].bytes : s->most;
		*missing = !is_there(inv, s) || *missing;
	}
	return rc == 0 && push(&inv->read, &inv->n_read, session) < 0 ? error_set(err, ENOMEM, "out of memory") : rc;
}

int inventory_forget(struct inventory *inv, const char *session, struct error *err)
{
	AUTO(free) struct refs_row *rows = NULL;
	uint8_t id[SESSION_ID_BYTES];
	size_t n;
	int rc = hex_decode(session, id, sizeof(id)) < 0 ? -EBADMSG : 0;

	if (rc == 0)
		rc = refs_get(vault_store(inv->vault), id, NULL, &rows, &n, err);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct inventory_segment *s = inventory_segment(inv, rows[i].segment);

		/* A row without size would end a chain of the table if nobody named it. */
		if (s && s->names && (s->size || s->names > 1))
			s->names--;
	}
	return rc;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool has(char (*list)[SESSION_DIGITS + 1], size_t n, const char *session)
{
	return n && bsearch(session, list, n, sizeof(*list), by_text);
}

bool inventory_is_taken(const struct inventory *inv, const char *session)
{
	return has(inv->ended, inv->n_ended, session);
}

int inventory_note_ended(struct inventory *inv, const char *session)
{
	if (push(&inv->ended, &inv->n_ended, session) < 0)
		return -ENOMEM;
	qsort(inv->ended, inv->n_ended, sizeof(*inv->ended), by_text);
	return 0;
}

bool inventory_has_committed(const struct inventory *inv, const char *session)
{
	return has(inv->committed, inv->n_committed, session);
}

bool inventory_has_ended(const struct inventory *inv, const char *session)
{
	return !signs_find(inv->session, inv->n_sessions, session) || inventory_is_taken(inv, session);
}

/* Every name under pt/ that is a manifest's or a tombstone's ends its session. */
static int note_ended(struct inventory *inv, const struct listing_of *points)
{
	int rc = 0;

	inv->n_ended = 0;
	free(TAKE(inv->ended));
	for (size_t i = 0; rc == 0 && i < points->n; i++) {
		const char *session = strrchr(points->row[i].name, '/') + 1;

		if (point_hex_text_ok(session, SESSION_DIGITS))
			rc = push(&inv->ended, &inv->n_ended, session);
	}
	if (inv->n_ended)
		qsort(inv->ended, inv->n_ended, sizeof(*inv->ended), by_text);
	return rc;
}

static int note_committed(struct inventory *inv)
{
	int rc = 0;

	inv->n_committed = 0;
	free(TAKE(inv->committed));
	for (size_t i = 0; rc == 0 && i < inv->n_points; i++)
		rc = push(&inv->committed, &inv->n_committed, inv->point[i].session);
	if (inv->n_committed)
		qsort(inv->committed, inv->n_committed, sizeof(*inv->committed), by_text);
	return rc;
}

/* Did that session end without a manifest, and long ago or by a tombstone? */
static bool is_dead(const struct inventory *inv, const char *session, int64_t put)
{
	return inventory_has_ended(inv, session) && !inventory_has_committed(inv, session) &&
	       (inventory_is_taken(inv, session) || inv->now - put > DEAD_REFS_SECONDS);
}

static int read_other(struct inventory *inv, const struct listed *ref, struct error *err)
{
	bool missing = false;
	int rc = inventory_read_refs(inv, ref->name + 4, NULL, &missing, err);

	if (rc == -EBADMSG || rc == -ENOTSUP)
		inventory_block(inv, ref->name, err->text);
	if (rc != -EBADMSG && rc != -ENOTSUP && rc != -ENOENT)
		return rc;
	error_clear(err);
	return 0;
}

/* Refs that no manifest read so far has: of one that just came, of a session
 * that runs, or of the dead. */
static int read_other_refs(struct inventory *inv, const struct listing_of *refs, struct error *err)
{
	size_t known = inv->n_read;
	int rc = 0;

	if (known)
		qsort(inv->read, known, sizeof(*inv->read), by_text);
	inv->n_dead = 0;
	for (size_t i = 0; rc == 0 && i < refs->n; i++) {
		const char *session = refs->row[i].name + 4;

		if (!point_hex_text_ok(session, SESSION_DIGITS) || has(inv->read, known, session))
			continue;
		if (is_dead(inv, session, refs->row[i].time))
			rc = push(&inv->dead, &inv->n_dead, session);
		else
			rc = read_other(inv, &refs->row[i], err);
	}
	if (inv->n_read)
		qsort(inv->read, inv->n_read, sizeof(*inv->read), by_text);
	return rc;
}

/* Refs before sessions before manifests: whoever is in the first, no more in
 * the second and not in the third has ended without a commit. */
static int look(struct inventory *inv, struct error *err)
{
	__attribute__((cleanup(listing_of_clear))) struct listing_of refs = { .newest = &inv->newest };
	__attribute__((cleanup(listing_of_clear))) struct listing_of marks = { .newest = &inv->newest };
	__attribute__((cleanup(listing_of_clear))) struct listing_of points = { .newest = &inv->newest };
	struct store *st = vault_store(inv->vault);
	int rc = listing_take(st, "ref/", &refs, err);

	free(TAKE(inv->session));
	inv->n_sessions = 0;
	if (rc == 0)
		rc = signs_list(inv->vault, OBJECT_SESSION, &inv->session, &inv->n_sessions, err);
	for (size_t i = 0; i < inv->n_sessions; i++)
		inv->newest = inv->session[i].last > inv->newest ? inv->session[i].last : inv->newest;
	if (rc == 0)
		rc = listing_take(st, "exp/", &marks, err);
	if (rc == 0)
		rc = listing_take(st, "pt/", &points, err);
	if (rc == 0 && note_ended(inv, &points) < 0)
		rc = error_set(err, ENOMEM, "out of memory");
	if (rc == 0)
		rc = inventory_read_points(inv, &points, &marks, err);
	if (rc == 0 && note_committed(inv) < 0)
		rc = error_set(err, ENOMEM, "out of memory");
	return rc < 0 ? rc : read_other_refs(inv, &refs, err);
}

struct inventory *inventory_take(struct vault *v, struct error *err)
{
	AUTO(inventory_free) struct inventory *inv = calloc(1, sizeof(*inv));

	if (!inv)
		return error_null(err, ENOMEM, "out of memory");
	if (!vault_ring(v))
		return error_null(err, ENOKEY, "the vault is open without its keys");
	inv->vault = v;
	if (store_now(vault_store(v), &inv->now, err) < 0 ||
	    store_list(vault_store(v), "seg/", note_segment, inv, err) < 0 || look(inv, err) < 0) {
		if (err && !err->code)
			error_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	return TAKE(inv);
}

int inventory_look_again(struct inventory *inv, struct error *err)
{
	return look(inv, err);
}
