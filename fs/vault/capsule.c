/* SPDX-License-Identifier: Apache-2.0 */
/* What a point keeps of its keys; capsule_open.c is the way back. */
#include "fs/vault/capsule.h"
#include "crypto/base64.h"
#include "crypto/keywrap.h"
#include "fs/vault/capsule_row.h"
#include "fs/vault/slot_public.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define KEY_MAX (16u << 10)
#define BLOBS_MAX (256u << 10)		/* the manifest has to stay small */
#define RECIPIENTS_MAX 16u

/* Of a path the last part: a folder of this machine means nothing later. */
static const char *short_name(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash ? slash + 1 : name;
}

/* A capsule in the making. */
struct making {
	const struct capsule_making *how;
	struct jval *keys, *locked, *recipients, *secrets, *keks;
	struct secret *content;		/* the key for those that are locked; NULL: nothing is */
	size_t blobs;			/* characters of backup blobs so far */
};

static void making_clear(struct making *m)
{
	jval_free(m->keys);
	jval_free(m->locked);
	jval_free(m->recipients);
	jval_free(m->secrets);
	jval_free(m->keks);
	secret_free(m->content);
}

static int making_begin(struct making *m, const struct capsule_making *how)
{
	*m = (struct making){ .how = how, .keys = jval_array(), .locked = jval_array(), .recipients = jval_array(),
			      .secrets = jval_array(), .keks = jval_array() };
	return m->keys && m->locked && m->recipients && m->secrets && m->keks ? 0 : -ENOMEM;
}

static int add_recipient(void *arg, const struct slot_text *t, const struct rsa_key *key, struct error *err)
{
	struct making *m = arg;
	AUTO(jval_free) struct jval *row = jval_object();
	uint8_t wrapped[RSA_MAX_BYTES];
	size_t len;
	int rc;

	if (!t->for_capsules)
		return 0;
	if (jval_len(m->recipients) == RECIPIENTS_MAX)
		return error_set(err, E2BIG, "more than %u slots are marked for capsules", RECIPIENTS_MAX);
	if (!m->content) {
		m->content = secret_new(CONTENT_KEY_BYTES);
		if (!m->content || getrandom(secret_data(m->content), CONTENT_KEY_BYTES, 0) != CONTENT_KEY_BYTES)
			return error_set(err, EIO, "the system gives no random numbers");
	}
	rc = rsa_key_wrap(key, WRAP_RSA_OAEP_256, secret_bytes(m->content), CONTENT_KEY_BYTES, wrapped, &len, err);
	rc = rc ? rc : jval_set_text(row, "slot", t->id);
	rc = rc ? rc : jval_set_text(row, "kek", t->kek_url);
	rc = rc ? rc : capsule_set_hex(row, "wrapped", wrapped, len);
	rc = rc ? rc : jval_append(m->recipients, TAKE(row));
	return rc && !err->code ? error_set(err, -rc, "the key of the capsule cannot be wrapped") : rc;
}

static int keep_key(struct making *m, const struct key *k)
{
	struct row_cipher c = { m->how->ring, m->how->point_id, m->content };
	struct row_label l = { capsule_kind_name(k->kind), short_name(k->name), k->guid, NULL, NULL };

	if (!l.kind || secret_len(k->bytes) > KEY_MAX)
		return 0;
	return jval_append(m->content ? m->locked : m->keys,
			   capsule_row_seal(&c, &l, secret_bytes(k->bytes), secret_len(k->bytes)));
}

/* As the KEK wraps it; the vault's key binds it to the point. */
static int keep_wrapped(struct making *m, const struct key *k)
{
	const struct key_origin *o = k->origin;
	struct row_cipher c = { m->how->ring, m->how->point_id, NULL };
	struct row_label l = { CAPSULE_WRAPPED_KIND, short_name(k->name), k->guid, o->kek_url, o->algorithm };
	AUTO(secret_free) struct secret *bytes = base64_decode_secret(o->value, strlen(o->value));

	return bytes ? jval_append(m->keys, capsule_row_seal(&c, &l, secret_bytes(bytes), secret_len(bytes))) : -EBADMSG;
}

/* One KEK wraps the keys of many disks: its blob is kept once. */
static int keep_kek(struct making *m, const struct key_origin *o)
{
	AUTO(jval_free) struct jval *row = jval_object();
	const char *url;
	int rc;

	for (size_t i = 0; i < jval_len(m->keks); i++) {
		url = jval_text(jval_get(jval_at(m->keks, i), "url"));
		if (url && !strcmp(url, o->kek_url))
			return 0;
	}
	m->blobs += strlen(o->key_backup);
	if (m->blobs > BLOBS_MAX)
		return 0;
	rc = jval_set_text(row, "url", o->kek_url);
	rc = rc ? rc : jval_set_text(row, "backup", o->key_backup);
	return rc ? rc : jval_append(m->keks, TAKE(row));
}

static int keep_origin(struct making *m, const struct key *k)
{
	AUTO(key_origin_free) struct key_origin *o = key_origin_copy(k->origin);
	int rc = 0;

	if (!o)
		return -ENOMEM;
	if (m->how->stores)
		key_origin_fetch_backups(o, m->how->stores);
	if (o->secret_backup && (m->blobs += strlen(o->secret_backup)) > BLOBS_MAX) {
		free(o->secret_backup);
		o->secret_backup = NULL;
	}
	if (o->key_backup)
		rc = keep_kek(m, o);
	return rc ? rc : jval_append(m->secrets, key_origin_print(o, short_name(k->name)));
}

static int keep(struct making *m, const struct key *k)
{
	bool wrapped = k->origin && k->origin->wrapped && k->origin->value;
	int rc = 0;

	if (m->how->mode == CAPSULE_SEALED)
		rc = keep_key(m, k);
	else if (wrapped)
		rc = keep_wrapped(m, k);
	return rc || !k->origin ? rc : keep_origin(m, k);
}

static int set_list(struct jval *capsule, const char *name, struct jval **list)
{
	return jval_len(*list) ? jval_set(capsule, name, TAKE(*list)) : 0;
}

static int finish(struct making *m, struct jval **out)
{
	AUTO(jval_free) struct jval *capsule = jval_object();
	bool any = jval_len(m->keys) || jval_len(m->locked) || jval_len(m->secrets);
	int rc = any ? jval_set(capsule, "keys", TAKE(m->keys)) : 0;

	if (any && jval_len(m->locked))
		rc = rc ? rc : set_list(capsule, "recipients", &m->recipients);
	rc = rc ? rc : set_list(capsule, "locked", &m->locked);
	rc = rc ? rc : set_list(capsule, "secrets", &m->secrets);
	rc = rc ? rc : set_list(capsule, "keks", &m->keks);
	if (!rc && any)
		*out = TAKE(capsule);
	return rc;
}

int capsule_make(const struct capsule_making *how, struct keyring *keys, struct jval **out, struct error *err)
{
	__attribute__((cleanup(making_clear))) struct making m;
	struct error own = ERROR_INIT;
	size_t kept = 0;
	int rc = making_begin(&m, how);

	*out = NULL;
	if (!rc && how->mode == CAPSULE_SEALED && how->slots)
		rc = slot_each_public(how->slots, how->ring, add_recipient, &m, &own);
	for (size_t i = 0; i < keyring_count(keys) && !rc && how->mode != CAPSULE_NONE && kept < CAPSULE_KEYS_MAX; i++)
		if (keyring_at(keys, i)->used) {
			rc = keep(&m, keyring_at(keys, i));
			kept++;
		}
	if (!rc)
		rc = finish(&m, out);
	if (!rc)
		return 0;
	if (!own.code)
		error_set(&own, EIO, "the disks' keys cannot be sealed");
	error_copy(err, &own);
	return -own.code;
}
