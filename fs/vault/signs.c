/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/signs.h"
#include "fs/util/json_value.h"
#include "fs/vault/point_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ID_DIGITS (2 * SESSION_ID_BYTES)

struct signs {
	struct sign *row;
	char (*newest)[64];	/* of each row: name of its newest record */
	size_t n, room, prefix;
};

static int make_room(struct signs *s)
{
	size_t room = s->room ? s->room * 2 : 32;
	struct sign *rows;
	void *names;

	if (s->n < s->room)
		return 0;
	rows = realloc(s->row, room * sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	s->row = rows;
	names = realloc(s->newest, room * sizeof(*s->newest));
	if (!names)
		return -ENOMEM;
	s->newest = names;
	s->room = room;
	return 0;
}

/* "ses/<id>.<n>" */
static int add(void *arg, const struct object *o)
{
	struct signs *s = arg;
	const char *id = o->name + s->prefix;
	char text[ID_DIGITS + 1];
	size_t i = 0;

	if (strlen(id) < ID_DIGITS + 2 || strlen(o->name) >= sizeof(*s->newest) || id[ID_DIGITS] != '.')
		return 0;
	memcpy(text, id, ID_DIGITS);
	text[ID_DIGITS] = '\0';
	if (!point_hex_text_ok(text, ID_DIGITS))
		return 0;
	while (i < s->n && strcmp(s->row[i].id, text))
		i++;
	if (i == s->n) {
		if (make_room(s) < 0)
			return -ENOMEM;
		s->row[i] = (struct sign){ .first = o->time, .last = o->time };
		memcpy(s->row[i].id, text, sizeof(text));
		memcpy(s->newest[i], o->name, strlen(o->name) + 1);
		s->n++;
	}
	if (o->time < s->row[i].first)
		s->row[i].first = o->time;
	if (o->time >= s->row[i].last) {
		s->row[i].last = o->time;
		memcpy(s->newest[i], o->name, strlen(o->name) + 1);
	}
	return 0;
}

static int take_text(struct sign *sign, const void *text, size_t len, enum object_type type)
{
	AUTO(jval_free) struct jval *doc = jval_parse(text, len, NULL);
	const char *target = jval_text(jval_get(doc, type == OBJECT_SESSION ? "manifest" : "point"));
	const char *host = jval_text(jval_get(doc, "host"));

	if (target && strlen(target) < sizeof(sign->target) && !strncmp(target, "pt/", 3) && store_name_ok(target))
		snprintf(sign->target, sizeof(sign->target), "%s", target);
	snprintf(sign->host, sizeof(sign->host), "%.63s", host ? host : "");
	jval_i64(jval_get(doc, "pid"), &sign->pid);
	return 0;
}

/* 1: the record says what it must; 0: it is there and does not; -ENOENT, other failures of the store. */
static int read_record(struct vault *v, enum object_type type, const char *name, struct sign *sign, struct error *err)
{
	AUTO(free) void *text = NULL;
	size_t len;
	int rc = object_get(vault_store(v), vault_ring(v), type, name, &text, &len, err);

	if (rc == 0)
		take_text(sign, text, len, type);
	if (rc == 0 || rc == -EBADMSG || rc == -ENOENT || rc == -ENOTSUP)
		error_clear(err);
	return rc == 0 ? sign->target[0] != '\0' : rc == -EBADMSG || rc == -ENOTSUP ? 0 : rc;
}

/* The first record stays to the end; the newest is another copy.  -ENOENT: both have gone. */
static int read_sign(struct vault *v, enum object_type type, struct sign *sign, const char *newest, struct error *err)
{
	char first[64];
	int rc, other;

	snprintf(first, sizeof(first), "%.4s%s.0", newest, sign->id);
	if (type == OBJECT_READER)
		snprintf(first, sizeof(first), "%.3s%s.0", newest, sign->id);
	rc = read_record(v, type, first, sign, err);
	if (rc == 1 || (rc < 0 && rc != -ENOENT))
		return rc;
	other = read_record(v, type, newest, sign, err);
	return other == -ENOENT ? rc : other;
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct sign *)a)->id, ((const struct sign *)b)->id);
}

const struct sign *signs_find(const struct sign *list, size_t n, const char *id)
{
	struct sign key;

	snprintf(key.id, sizeof(key.id), "%s", id);
	return n ? bsearch(&key, list, n, sizeof(*list), by_id) : NULL;
}

int signs_list(struct vault *v, enum object_type type, struct sign **list, size_t *n, struct error *err)
{
	const char *prefix = type == OBJECT_SESSION ? "ses/" : "rd/";
	struct signs s = { .prefix = strlen(prefix) };
	size_t kept = 0;
	int rc = store_list(vault_store(v), prefix, add, &s, err);

	for (size_t i = 0; rc >= 0 && i < s.n; i++) {
		rc = read_sign(v, type, &s.row[i], s.newest[i], err);
		if (rc == -ENOENT)
			rc = 0;		/* it has ended meanwhile */
		else
			s.row[kept++] = s.row[i];
	}
	free(s.newest);
	if (rc < 0) {
		free(s.row);
		return rc == -ENOMEM ? error_set(err, ENOMEM, "out of memory") : rc;
	}
	if (kept)
		qsort(s.row, kept, sizeof(*s.row), by_id);
	*list = s.row;
	*n = kept;
	return 0;
}

struct removal {
	struct store *st;
	struct error *err;
};

static int remove_one(void *arg, const struct object *o)
{
	struct removal *r = arg;

	return store_remove(r->st, o->name, r->err);
}

int signs_remove(struct vault *v, enum object_type type, const char *id, struct error *err)
{
	struct removal r = { vault_store(v), err };
	char prefix[64];

	snprintf(prefix, sizeof(prefix), "%s%s.", type == OBJECT_SESSION ? "ses/" : "rd/", id);
	return store_list(r.st, prefix, remove_one, &r, err);
}
