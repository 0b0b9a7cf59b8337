/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/hash.h"
#include "fs/util/json_value.h"
#include "fs/vault/object.h"
#include "fs/vault/vault_session.h"

#include <errno.h>
#include <string.h>

struct condemned {
	uint8_t (*id)[SEGMENT_ID_BYTES];	/* sorted */
	size_t n, room;
	struct vault *vault;			/* while the list is made */
	enum object_type type;
	struct error *err;
};

void condemned_free(struct condemned *c)
{
	if (!c)
		return;
	free(c->id);
	free(c);
}

static int compare_ids(const void *a, const void *b)
{
	return memcmp(a, b, SEGMENT_ID_BYTES);
}

bool condemned_has(const struct condemned *c, const uint8_t segment[SEGMENT_ID_BYTES])
{
	return c->n && bsearch(segment, c->id, c->n, sizeof(*c->id), compare_ids);
}

static void sort(struct condemned *c)
{
	if (c->n)
		qsort(c->id, c->n, sizeof(*c->id), compare_ids);
}

static uint8_t *add_one(struct condemned *c)
{
	if (c->n == c->room) {
		size_t room = c->room ? c->room * 2 : 64;
		void *more = realloc(c->id, room * sizeof(*c->id));

		if (!more)
			return NULL;
		c->id = more;
		c->room = room;
	}
	return c->id[c->n++];
}

int condemned_add(struct condemned *c, const uint8_t (*segments)[SEGMENT_ID_BYTES], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t *to = add_one(c);

		if (!to)
			return -ENOMEM;
		memcpy(to, segments[i], SEGMENT_ID_BYTES);
	}
	sort(c);
	return 0;
}

static int add_text(struct condemned *c, const char *text)
{
	uint8_t id[SEGMENT_ID_BYTES], *to;

	if (!text || hex_decode(text, id, sizeof(id)) < 0)
		return -EBADMSG;
	to = add_one(c);
	if (!to)
		return -ENOMEM;
	memcpy(to, id, sizeof(id));
	return 0;
}

/* A record that cannot be read condemns we know not what: no reuse is safe then. */
static int add_record(void *arg, const struct object *o)
{
	struct condemned *c = arg;
	AUTO(jval_free) struct jval *doc = NULL;
	AUTO(free) void *text = NULL;
	struct jval *list;
	size_t len = strlen(o->name), n;
	int rc;

	if (len > 6 && !strcmp(o->name + len - 6, ".claim"))
		return 0;
	rc = object_get(vault_store(c->vault), vault_ring(c->vault), c->type, o->name, &text, &n, c->err);
	if (rc == -ENOENT) {
		error_clear(c->err);
		return 0;
	}
	doc = rc == 0 ? jval_parse(text, n, c->err) : NULL;
	list = jval_get(doc, "segments");
	if (rc == 0 && !jval_is_array(list))
		rc = -EBADMSG;
	for (size_t i = 0; rc == 0 && i < jval_len(list); i++)
		rc = add_text(c, jval_text(jval_at(list, i)));
	return rc == -EBADMSG ? error_set(c->err, EBADMSG, "the record %s cannot be read", o->name) : rc;
}

struct condemned *condemned_list(struct vault *v, struct error *err)
{
	AUTO(condemned_free) struct condemned *c = calloc(1, sizeof(*c));

	if (!c)
		return error_null(err, ENOMEM, "out of memory");
	c->vault = v;
	c->err = err;
	c->type = OBJECT_CONDEMNED;
	if (store_list(vault_store(v), "cond/", add_record, c, err) < 0)
		return NULL;
	c->type = OBJECT_BAD;
	if (store_list(vault_store(v), "bad/", add_record, c, err) < 0)
		return NULL;
	sort(c);
	return TAKE(c);
}
