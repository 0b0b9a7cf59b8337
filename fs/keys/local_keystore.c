/* SPDX-License-Identifier: Apache-2.0 */
/* The local key store behind the key store interface. */
#include "fs/keys/local.h"
#include "fs/util/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct local_keystore {
	struct keystore ks;
	struct local_store *store;
};

static struct local_store *store_of(struct keystore *ks)
{
	return ((struct local_keystore *)ks)->store;
}

static int64_t number(const struct jval *doc, const char *name)
{
	int64_t n = 0;

	return jval_i64(jval_get(doc, name), &n) ? n : 0;
}

static void fill(const struct jval *doc, const char *name, const char *version,
		 struct keystore_secret *out)
{
	const char *type = jval_get_text(doc, "contentType");
	struct jval *tags = jval_get(doc, "tags");

	memset(out, 0, sizeof(*out));
	snprintf(out->name, sizeof(out->name), "%s", name);
	snprintf(out->version, sizeof(out->version), "%s", version);
	snprintf(out->content_type, sizeof(out->content_type), "%s", type ? type : "");
	out->tags = tags ? jval_ref(tags) : NULL;
	out->enabled = jval_bool(jval_get(doc, "enabled"), true);
	out->managed = jval_bool(jval_get(doc, "managed"), false);
	out->not_before = number(doc, "nbf");
	out->expires = number(doc, "exp");
	out->created = number(doc, "created");
	out->updated = number(doc, "updated");
}

static int local_get(struct keystore *ks, const struct key_ref *ref, struct keystore_secret *out,
		     struct error *err)
{
	AUTO(jval_free) struct jval *doc = NULL;
	struct error why = ERROR_INIT;
	char version[64] = "";
	const char *value;

	doc = local_read(store_of(ks), LOCAL_SECRET, ref->name, ref->version, version, &why);
	if (!doc) {
		error_copy(err, &why);
		return -why.code;
	}
	value = jval_get_text(doc, "value");
	if (!value)
		return error_set(err, EBADMSG, "the secret %s has no value", ref->name);
	fill(doc, ref->name, version, out);
	if (!out->enabled) {
		error_set(err, EACCES, "the secret is disabled (SecretDisabled)");
		error_object(err, "%s/%s", ref->name, version);
		return -EACCES;
	}
	out->value = secret_copy(value, strlen(value));
	return out->value ? 0 : error_set(err, ENOMEM, "no memory");
}

struct collect {
	keystore_secret_fn *fn;
	void *arg;
	struct local_store *store;
	char last[KEYSTORE_NAME_MAX + 1];
};

/* Called for each version; hands on the newest enabled one once a name. */
static int hand_on(void *arg, enum local_kind kind, const char *name, const char *version,
		   bool deleted, const struct jval *doc)
{
	struct collect *c = arg;
	AUTO(jval_free) struct jval *newest = NULL;
	struct keystore_secret s;
	char v[64] = "";
	int rc;

	(void)version;
	(void)deleted;
	(void)doc;
	if (!strcmp(name, c->last))
		return 0;
	snprintf(c->last, sizeof(c->last), "%s", name);
	newest = local_read(c->store, kind, name, NULL, v, NULL);
	if (!newest)
		return 0;
	fill(newest, name, v, &s);
	rc = c->fn(c->arg, &s);
	keystore_secret_clear(&s);
	return rc;
}

static int local_list(struct keystore *ks, keystore_secret_fn *fn, void *arg, struct error *err)
{
	struct collect c = { .fn = fn, .arg = arg, .store = store_of(ks) };

	return local_each(c.store, LOCAL_SECRET, false, hand_on, &c, err);
}

static int load_key(struct keystore *ks, const struct key_ref *ref, char version[64], struct rsa_key **out,
		    struct error *err)
{
	AUTO(jval_free) struct jval *doc = NULL;
	struct error why = ERROR_INIT;
	const char *pem;

	doc = local_read(store_of(ks), LOCAL_KEY, ref->name, ref->version, version, &why);
	if (doc && !jval_bool(jval_get(doc, "enabled"), true)) {
		error_set(err, EACCES, "the key is disabled (KeyDisabled)");
		error_object(err, "%s/%s", ref->name, version);
		return -EACCES;
	}
	if (jval_bool(jval_get(doc, "managed"), false)) {
		error_set(err, ENOTSUP, "the key belongs to a certificate; ADE does not support that");
		error_object(err, "%s/%s", ref->name, version);
		return -ENOTSUP;
	}
	if (number(doc, "exp") && number(doc, "exp") <= (int64_t)time(NULL))
		log_warning("the key %s/%s has expired; it is tried all the same", ref->name, version);
	pem = jval_get_text(doc, "pem");
	*out = doc ? rsa_key_from_pem(pem ? pem : "", pem ? strlen(pem) : 0, NULL, &why) : NULL;
	if (*out)
		return 0;
	error_copy(err, &why);
	return -why.code;
}

static int local_unwrap(struct keystore *ks, const struct key_ref *ref, enum wrap_alg alg,
			const uint8_t *wrapped, size_t len, struct secret **out, struct error *err)
{
	AUTO(rsa_key_free) struct rsa_key *key = NULL;
	char version[64] = "";
	int rc = load_key(ks, ref, version, &key, err);

	if (rc)
		return rc;
	rc = rsa_key_unwrap(key, alg, wrapped, len, out, err);
	if (rc)
		error_object(err, "%s: key %s/%s", ks->spec, ref->name, version);
	return rc;
}

static int local_public_key(struct keystore *ks, struct key_ref *ref, struct rsa_key **out, struct error *err)
{
	AUTO(rsa_key_free) struct rsa_key *key = NULL;
	char version[64] = "";
	int rc = load_key(ks, ref, version, &key, err);

	if (rc)
		return rc;
	memcpy(ref->version, version, sizeof(version));
	*out = rsa_key_public_half(key, err);
	return *out ? 0 : -ENOMEM;
}

static void local_free(struct keystore *ks)
{
	local_close(store_of(ks));
	free(ks);
}

static const struct keystore_ops local_ops = {
	.scheme = "local", .get = local_get, .list = local_list, .unwrap = local_unwrap,
	.public_key = local_public_key, .free = local_free,
};

struct keystore *keystore_local_open(const char *dir, const char *key_file, struct error *err)
{
	AUTO(local_close) struct local_store *store = local_open(dir, key_file, err);
	struct local_keystore *l;

	if (!store)
		return NULL;
	l = calloc(1, sizeof(*l));
	if (!l)
		return error_null(err, ENOMEM, "no memory");
	keystore_init(&l->ks, &local_ops, dir);
	l->store = TAKE(store);
	return &l->ks;
}
