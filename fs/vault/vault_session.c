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
static char *words(const char *what, const char *key, const char *value)
{
	AUTO(jval_free) struct jval *o = jval_object();
	char host[256] = "";
	int rc = jval_set_text(o, key, value);

	gethostname(host, sizeof(host) - 1);
	if (what)
		rc = rc ? rc : jval_set_text(o, "what", what);
	rc = rc ? rc : jval_set_text(o, "host", host);
	rc = rc ? rc : jval_set_i64(o, "pid", getpid());
	return rc ? NULL : jval_print(o, false);
}

static struct vault_session *session_new(struct vault *v, const char *folder, enum object_type type,
					 struct error *err)
{
	AUTO(vault_session_free) struct vault_session *s = calloc(1, sizeof(*s));

	if (!s)
		return error_null(err, ENOMEM, "out of memory");
	s->vault = v;
	s->folder = folder;
	s->type = type;
	if (getrandom(s->id, sizeof(s->id), 0) != sizeof(s->id))
		return error_null(err, EIO, "the system gives no random numbers");
	return TAKE(s);
}

static struct vault_session *begin(struct vault_session *taken, const char *what, const char *key, const char *value,
				   struct error *err)
{
	AUTO(vault_session_free) struct vault_session *s = taken;

	if (!s)
		return NULL;
	s->text = words(what, key, value);
	if (!s->text)
		return error_null(err, ENOMEM, "out of memory");
	return put_record(s, err) < 0 ? NULL : TAKE(s);
}

struct vault_session *vault_session_begin(struct vault *v, const char *what, const char *point_folder,
					  struct error *err)
{
	struct vault_session *s = session_new(v, "ses", OBJECT_SESSION, err);
	char id[ID_TEXT], manifest[256];

	if (s) {
		hex_encode(s->id, SESSION_ID_BYTES, id);
		snprintf(manifest, sizeof(manifest), "%s/%s", point_folder, id);
	}
	return begin(s, what, "manifest", manifest, err);
}

struct vault_session *vault_reader_begin(struct vault *v, const char *point_object, struct error *err)
{
	return begin(session_new(v, "rd", OBJECT_READER, err), NULL, "point", point_object, err);
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

