/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/vault_session.h"
#include "crypto/hash.h"
#include "fs/util/json_value.h"
#include "fs/vault/object.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define ID_TEXT (2 * SESSION_ID_BYTES + 1)

struct vault_session {
	struct vault *vault;
	enum object_type type;
	uint8_t id[SESSION_ID_BYTES];
	const char *folder;		/* "ses" or "rd" */
	char *text;			/* what each record says */
	uint64_t beats;			/* the number of the newest record */
	int64_t last;			/* monotonic seconds */
};

static int64_t monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

void vault_session_free(struct vault_session *s)
{
	if (!s)
		return;
	free(s->text);
	free(s);
}

const uint8_t *vault_session_id(const struct vault_session *s)
{
	return s->id;
}

static void record_name(const struct vault_session *s, uint64_t n, char out[64])
{
	char id[ID_TEXT];

	hex_encode(s->id, SESSION_ID_BYTES, id);
	snprintf(out, 64, "%s/%s.%llu", s->folder, id, (unsigned long long)n);
}

static int put_record(struct vault_session *s, struct error *err)
{
	char name[64];

	record_name(s, s->beats, name);
	s->last = monotonic();
	return object_put(vault_store(s->vault), vault_ring(s->vault), s->type, name, s->text,
			  strlen(s->text), err);
}

/* Who it is: words for a person who wonders whether it is still alive. */
static char *words(const char *key, const char *value)
{
	AUTO(jval_free) struct jval *o = jval_object();
	char host[256] = "";
	int rc = jval_set_text(o, key, value);

	gethostname(host, sizeof(host) - 1);
	rc = rc ? rc : jval_set_text(o, "host", host);
	rc = rc ? rc : jval_set_i64(o, "pid", getpid());
	return rc ? NULL : jval_print(o, false);
}

static struct vault_session *begin(struct vault *v, const char *folder, enum object_type type, const char *key,
				   const char *value, struct error *err)
{
	AUTO(vault_session_free) struct vault_session *s = calloc(1, sizeof(*s));

	if (s)
		s->text = words(key, value);
	if (!s || !s->text)
		return error_null(err, ENOMEM, "out of memory");
	s->vault = v;
	s->folder = folder;
	s->type = type;
	if (getrandom(s->id, sizeof(s->id), 0) != sizeof(s->id))
		return error_null(err, EIO, "the system gives no random numbers");
	return put_record(s, err) < 0 ? NULL : TAKE(s);
}

struct vault_session *vault_session_begin(struct vault *v, const char *what, struct error *err)
{
	return begin(v, "ses", OBJECT_SESSION, "what", what, err);
}

struct vault_session *vault_reader_begin(struct vault *v, const char *point_object, struct error *err)
{
	return begin(v, "rd", OBJECT_READER, "point", point_object, err);
}

int vault_session_beat(struct vault_session *s, struct error *err)
{
	char old[64];
	int rc;

	if (monotonic() - s->last < SESSION_BEAT_SECONDS)
		return 0;
	record_name(s, s->beats, old);
	s->beats++;
	rc = put_record(s, err);
	if (rc < 0) {
		s->beats--;
		return rc;
	}
	return s->beats > 1 ? store_remove(vault_store(s->vault), old, err) : 0;
}

void vault_session_end(struct vault_session *s)
{
	char name[64];

	if (!s)
		return;
	if (s->beats) {
		record_name(s, s->beats, name);
		store_remove(vault_store(s->vault), name, NULL);
	}
	record_name(s, 0, name);
	store_remove(vault_store(s->vault), name, NULL);
	vault_session_free(s);
}

struct condemned {
	uint8_t (*id)[SEGMENT_ID_BYTES];	/* sorted */
	size_t n, room;
	struct vault *vault;			/* while the list is made */
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

static int add_id(struct condemned *c, const char *text)
{
	if (c->n == c->room) {
		size_t room = c->room ? c->room * 2 : 64;
		void *more = realloc(c->id, room * sizeof(*c->id));

		if (!more)
			return -ENOMEM;
		c->id = more;
		c->room = room;
	}
	if (!text || hex_decode(text, c->id[c->n], SEGMENT_ID_BYTES) < 0)
		return -EBADMSG;
	c->n++;
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
	rc = object_get(vault_store(c->vault), vault_ring(c->vault), OBJECT_CONDEMNED, o->name, &text, &n, c->err);
	if (rc == -ENOENT)
		return 0;
	doc = rc == 0 ? jval_parse(text, n, c->err) : NULL;
	list = jval_get(doc, "segments");
	if (rc == 0 && !jval_is_array(list))
		rc = -EBADMSG;
	for (size_t i = 0; rc == 0 && i < jval_len(list); i++)
		rc = add_id(c, jval_text(jval_at(list, i)));
	return rc == -EBADMSG ? error_set(c->err, EBADMSG, "the record %s cannot be read", o->name) : rc;
}

struct condemned *condemned_list(struct vault *v, struct error *err)
{
	AUTO(condemned_free) struct condemned *c = calloc(1, sizeof(*c));

	if (!c)
		return error_null(err, ENOMEM, "out of memory");
	c->vault = v;
	c->err = err;
	if (store_list(vault_store(v), "cond/", add_record, c, err) < 0)
		return NULL;
	if (c->n)
		qsort(c->id, c->n, sizeof(*c->id), compare_ids);
	return TAKE(c);
}
