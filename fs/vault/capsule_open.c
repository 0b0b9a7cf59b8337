/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/hash.h"
#include "crypto/keywrap.h"
#include "fs/vault/capsule.h"
#include "fs/vault/capsule_row.h"

#include <errno.h>
#include <string.h>

static int no_sense(struct error *err)
{
	return error_set(err, EBADMSG, "damaged capsule: what it says makes no sense");
}

/* The vault's key alone, or with the content key. */
static int open_key(const struct row_cipher *c, const struct jval *row, struct keyring *to, struct error *err)
{
	AUTO(secret_free) struct secret *bytes = NULL;
	enum key_kind kind;
	struct row_label l;
	int rc;

	if (!capsule_row_label(row, &l) || (!l.kek && !capsule_kind_parse(l.kind, &kind)))
		return no_sense(err);
	if (l.kek)
		return 0;
	rc = capsule_row_open(c, row, &l, &bytes, err);
	return rc ? rc : keyring_add_secret(to, kind, l.name, TAKE(bytes), err);
}

/* A list of the capsule; missing: empty. */
static int get_list(const struct jval *capsule, const char *name, size_t max, struct jval **list, struct error *err)
{
	*list = jval_get(capsule, name);
	if (!*list || (jval_is_array(*list) && jval_len(*list) <= max))
		return 0;
	return error_set(err, EBADMSG, "damaged capsule: its list of %s makes no sense", name);
}

static int get_keys(const struct jval *capsule, struct jval **list, struct error *err)
{
	int rc = get_list(capsule, "keys", CAPSULE_KEYS_MAX, list, err);

	return rc || *list || !capsule ? rc : error_set(err, EBADMSG, "damaged capsule: it has no list of keys");
}

int capsule_open(const struct key_ring *ring, const char *point_id, const struct jval *capsule,
		 struct keyring *to, struct error *err)
{
	struct row_cipher c = { ring, point_id, NULL };
	struct jval *list;
	int rc = get_keys(capsule, &list, err);

	for (size_t i = 0; i < jval_len(list) && rc == 0; i++)
		rc = open_key(&c, jval_at(list, i), to, err);
	return rc;
}

bool capsule_has_plain(const struct jval *capsule)
{
	const struct jval *list = jval_get(capsule, "keys");
	struct row_label l;

	for (size_t i = 0; i < jval_len(list); i++)
		if (capsule_row_label(jval_at(list, i), &l) && !l.kek)
			return true;
	return false;
}

bool capsule_is_for_slots(const struct jval *capsule)
{
	return jval_len(jval_get(capsule, "recipients")) > 0;
}

static int no_kek(const struct row_label *l, struct error *err)
{
	error_set(err, ENOKEY, "the key %s is wrapped by a KEK that is not at hand: %s", l->name,
		  *l->kek ? l->kek : "its URL is not known");
	error_next(err, "Name the store that holds it with keystore=, or its private key with keystore=pem:FILE.");
	return -ENOKEY;
}

/* What a KEK unwraps, with its audit line. */
static int ask_stores(const struct capsule_opener *w, const char *what, const char *kek_url, enum wrap_alg alg,
		      const struct secret *wrapped, struct secret **out, struct error *err)
{
	struct key_ref kek = { .host = "" };
	int rc, noted;

	if (*kek_url && key_ref_parse(kek_url, "keys", &kek, err) < 0)
		return -EINVAL;
	rc = keystores_unwrap(w->stores, &kek, alg, secret_bytes(wrapped), secret_len(wrapped), out, err);
	noted = audit_note(w->audit, "unwrap", what, kek_url, rc);
	if (rc || !noted)
		return rc;
	secret_free(TAKE(*out));
	return error_set(err, -noted, "the audit line could not be kept, so no key is handed out");
}

static int unwrap_key(const struct capsule_opener *w, const char *point_id, const struct jval *row,
		      struct keyring *to, struct error *err)
{
	AUTO(secret_free) struct secret *wrapped = NULL, *bytes = NULL;
	struct row_cipher c = { w->ring, point_id, NULL };
	struct row_label l;
	enum wrap_alg alg;
	int rc;

	if (!capsule_row_label(row, &l) || !l.kek)
		return 0;
	rc = capsule_row_open(&c, row, &l, &wrapped, err);
	if (rc)
		return rc;
	if (wrap_alg_parse(l.algorithm, &alg) < 0)
		return error_set(err, ENOTSUP, "the key %s is wrapped in an unknown way", l.name);
	if (!w->stores || !keystores_count(w->stores))
		return no_kek(&l, err);
	rc = ask_stores(w, l.name, l.kek, alg, wrapped, &bytes, err);
	if (rc)
		return rc == -ENOENT ? no_kek(&l, err) : rc;
	return keyring_add_secret(to, KEY_PASSPHRASE, l.name, TAKE(bytes), err);
}

static struct secret *hex_secret(const char *hex, size_t max)
{
	size_t n = hex ? strlen(hex) / 2 : 0;
	AUTO(secret_free) struct secret *s = n && n <= max ? secret_new(n) : NULL;

	return s && hex_decode(hex, secret_data(s), n) == 0 ? TAKE(s) : NULL;
}

/* By the private key in hand, where it is the recipient's. */
static bool is_for(const struct rsa_key *key, const char *slot)
{
	uint8_t sum[SHA256_BYTES];
	char id[33];

	if (!key || rsa_key_fingerprint(key, sum) < 0)
		return false;
	hex_encode(sum, 16, id);
	return !strcmp(id, slot);
}

/* One recipient's way to the content key.  -ENOKEY: not at hand. */
static int open_recipient(const struct capsule_opener *w, const struct jval *row, struct secret **content,
			  struct error *err)
{
	const char *slot = jval_text(jval_get(row, "slot")), *kek = jval_text(jval_get(row, "kek"));
	AUTO(secret_free) struct secret *wrapped = hex_secret(jval_text(jval_get(row, "wrapped")), RSA_MAX_BYTES);
	int rc = -ENOENT;

	if (!slot || !kek || !wrapped)
		return no_sense(err);
	if (is_for(w->private_key, slot))
		rc = rsa_key_unwrap(w->private_key, WRAP_RSA_OAEP_256, secret_bytes(wrapped), secret_len(wrapped),
				    content, err);
	else if (w->stores && keystores_count(w->stores))
		rc = ask_stores(w, slot, kek, WRAP_RSA_OAEP_256, wrapped, content, err);
	if (rc == 0 && secret_len(*content) != CONTENT_KEY_BYTES) {
		secret_free(TAKE(*content));
		return error_set(err, EBADMSG, "damaged capsule: the slot %.40s unwraps no key", slot);
	}
	if (rc != -ENOENT)
		return rc;
	error_set(err, ENOKEY, "the keys are sealed for the slot %.40s, marked for capsules%s%.300s", slot,
		  *kek ? ": " : "", kek);
	error_next(err, "Open the vault with its private key (vault-rsa-key=), or name what holds it with keystore=.");
	return -ENOKEY;
}

static int open_locked(const struct capsule_opener *w, const char *point_id, const struct jval *capsule,
		       struct keyring *to, struct error *err)
{
	AUTO(secret_free) struct secret *content = NULL;
	struct row_cipher c = { w->ring, point_id, NULL };
	struct jval *recipients, *locked;
	struct error why = ERROR_INIT;
	int rc = get_list(capsule, "recipients", CAPSULE_KEYS_MAX, &recipients, err), last = -EBADMSG;

	rc = rc ? rc : get_list(capsule, "locked", CAPSULE_KEYS_MAX, &locked, err);
	if (rc || !locked)
		return rc;
	if (!jval_len(recipients))
		return no_sense(err);
	for (size_t i = 0; i < jval_len(recipients) && !content; i++)
		last = open_recipient(w, jval_at(recipients, i), &content, i ? &why : err);
	if (!content)
		return err && err->code ? -err->code : last;
	if (err)
		error_clear(err);
	c.content = content;
	for (size_t i = 0; i < jval_len(locked) && rc == 0; i++)
		rc = open_key(&c, jval_at(locked, i), to, err);
	return rc;
}

int capsule_unwrap(const struct capsule_opener *with, const char *point_id, const struct jval *capsule,
		   struct keyring *to, struct error *err)
{
	struct error why = ERROR_INIT;
	struct jval *list;
	int rc = get_keys(capsule, &list, err), one;

	if (rc)
		return rc;
	rc = open_locked(with, point_id, capsule, to, &why);
	if (rc)
		error_copy(err, &why);
	for (size_t i = 0; i < jval_len(list) && rc != -ENOMEM; i++) {
		one = unwrap_key(with, point_id, jval_at(list, i), to, &why);
		if (one && !rc) {
			rc = one;
			error_copy(err, &why);
		}
	}
	return rc;
}

/* The backup blob of a KEK; NULL: none is kept. */
static const char *kek_backup(const struct jval *keks, const char *url)
{
	for (size_t i = 0; i < jval_len(keks); i++) {
		const char *its = jval_text(jval_get(jval_at(keks, i), "url"));
		const char *backup = jval_text(jval_get(jval_at(keks, i), "backup"));

		if (its && backup && !strcmp(its, url) && strlen(backup) <= KEY_BACKUP_MAX)
			return backup;
	}
	return NULL;
}

int capsule_each_origin(const struct jval *capsule, capsule_origin_fn *fn, void *arg, struct error *err)
{
	struct jval *list, *keks;
	int rc = get_list(capsule, "secrets", CAPSULE_KEYS_MAX, &list, err);

	rc = rc ? rc : get_list(capsule, "keks", CAPSULE_KEYS_MAX, &keks, err);
	for (size_t i = 0; !rc && i < jval_len(list); i++) {
		AUTO(key_origin_free) struct key_origin *o = key_origin_parse(jval_at(list, i), err);
		const char *name = jval_text(jval_get(jval_at(list, i), "name")), *backup;

		if (!o || !name)
			return o ? no_sense(err) : err && err->code ? -err->code : -EBADMSG;
		backup = o->wrapped ? kek_backup(keks, o->kek_url) : NULL;
		if (backup && !(o->key_backup = strdup(backup)))
			return error_set(err, ENOMEM, "out of memory");
		rc = fn(arg, name, o);
	}
	return rc;
}

int capsule_each_key(const struct jval *capsule, capsule_key_fn *fn, void *arg, struct error *err)
{
	static const char *const lists[] = { "keys", "locked" };
	int rc = 0;

	for (size_t j = 0; j < 2; j++) {
		struct jval *list;

		rc = rc ? rc : get_list(capsule, lists[j], CAPSULE_KEYS_MAX, &list, err);
		for (size_t i = 0; !rc && i < jval_len(list); i++) {
			struct row_label l;
			struct capsule_key k;

			if (!capsule_row_label(jval_at(list, i), &l))
				return no_sense(err);
			k = (struct capsule_key){ l.kind, l.name, l.guid, j ? "capsule slot" : l.kek ? "KEK" : "vault key",
						  l.kek ? l.kek : "", l.algorithm ? l.algorithm : "" };
			rc = fn(arg, &k);
		}
	}
	return rc;
}
