/* SPDX-License-Identifier: Apache-2.0 */
/* Azure Key Vault behind the key store interface. */
#include "crypto/base64.h"
#include "fs/keys/keyvault_answer.h"
#include "fs/keys/keyvault_call.h"
#include "fs/util/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define MAX_PAGES 4000

struct keyvault_keystore {
	struct keystore ks;
	struct keyvault *kv;
};

static struct keyvault *vault_of(struct keystore *ks)
{
	return ((struct keyvault_keystore *)ks)->kv;
}

static int of_this_vault(struct keystore *ks, const struct key_ref *ref, struct error *err)
{
	const char *host = keyvault_host(vault_of(ks));

	if (!*ref->name || (*ref->host && strcasecmp(ref->host, host))) {
		error_set(err, ENOENT, "it belongs to another Key Vault than %s", host);
		error_next(err, "name that one too: keystore=https://%s/", ref->host);
		return -ENOENT;
	}
	return 0;
}

/* A name that is not there may be among the deleted ones: say so. */
static int explain_missing(struct keystore *ks, const char *kind, const char *name, struct error *err)
{
	char word[8];

	snprintf(word, sizeof(word), "%.*s", (int)strlen(kind) - 1, kind);
	if (keyvault_is_deleted(vault_of(ks), kind, name) == 0) {
		error_set(err, ENOENT, "the %s is deleted but can be recovered", word);
		error_next(err, "az keyvault %s recover --vault-name VAULT -n %s", word, name);
	} else {
		error_next(err, "a recovery point keeps its keys in its capsule: adebackup keys "
			   "restore-to-keyvault");
	}
	error_object(err, "%s/%s/%s", keyvault_base(vault_of(ks)), kind, name);
	return -ENOENT;
}

static int keyvault_get(struct keystore *ks, const struct key_ref *ref, struct keystore_secret *out,
			struct error *err)
{
	AUTO(jval_free) struct jval *v = NULL;
	char path[300];
	int rc = of_this_vault(ks, ref, err);

	if (rc)
		return rc;
	snprintf(path, sizeof(path), "/secrets/%s/%s", ref->name, ref->version);
	rc = keyvault_call(vault_of(ks), "GET", path, NULL, &v, err);
	if (rc == -ENOENT)
		return explain_missing(ks, "secrets", ref->name, err);
	if (!rc)
		rc = keyvault_secret_read(v, out, err);
	return rc ? rc : keyvault_value_read(v, &out->value, err);
}

struct walk {
	int (*fn)(void *arg, const struct jval *row, struct error *err);
	void *arg;
};

static int each_row(struct keyvault *kv, const char *first, const struct walk *w, struct error *err)
{
	AUTO(free) char *at = strdup(first);

	for (unsigned page = 0; at; page++) {
		AUTO(jval_free) struct jval *v = NULL;
		const char *next;
		int rc = page < MAX_PAGES ? keyvault_call(kv, "GET", at, NULL, &v, err) :
			 error_set(err, EBADMSG, "the list has no end");
		struct jval *rows = jval_get_ci(v, "value");

		for (size_t i = 0; !rc && i < jval_len(rows); i++)
			rc = w->fn(w->arg, jval_at(rows, i), err);
		if (rc)
			return rc;
		next = jval_get_text(v, "nextLink");
		free(at);
		at = next && *next ? strdup(next) : NULL;
		if (!at)
			return 0;
	}
	return error_set(err, ENOMEM, "no memory");
}

/* Of a secret's versions the newest that is enabled. */
struct newest { struct keystore_secret best; bool any; };

static int consider(void *arg, const struct jval *row, struct error *err)
{
	struct newest *n = arg;
	struct keystore_secret s;
	int rc = keyvault_secret_read(row, &s, err);

	if (rc || !s.enabled || (n->any && s.created <= n->best.created)) {
		if (!rc)
			keystore_secret_clear(&s);
		return rc;
	}
	keystore_secret_clear(&n->best);
	n->best = s;
	n->any = true;
	return 0;
}

struct listing {
	struct keyvault *kv;
	keystore_secret_fn *fn;
	void *arg;
};

static int hand_on(void *arg, const struct jval *row, struct error *err)
{
	struct listing *l = arg;
	struct newest n = { .any = false };
	struct walk w = { consider, &n };
	struct keystore_secret s;
	char path[300];
	int rc = keyvault_secret_read(row, &s, err);

	if (rc)
		return rc;
	if (s.enabled) {
		rc = l->fn(l->arg, &s);
	} else {
		snprintf(path, sizeof(path), "/secrets/%s/versions", s.name);
		rc = each_row(l->kv, path, &w, err);
		if (!rc && n.any)
			rc = l->fn(l->arg, &n.best);
		keystore_secret_clear(&n.best);
	}
	keystore_secret_clear(&s);
	return rc;
}

static int keyvault_list(struct keystore *ks, keystore_secret_fn *fn, void *arg, struct error *err)
{
	struct listing l = { vault_of(ks), fn, arg };
	struct walk w = { hand_on, &l };

	return each_row(l.kv, "/secrets?maxresults=25", &w, err);
}

/* A key behind a certificate is refused; without permission to look, go on. */
static int refuse_managed(struct keystore *ks, const struct key_ref *ref, struct error *err)
{
	AUTO(jval_free) struct jval *v = NULL;
	struct error why = ERROR_INIT;
	char path[300];
	int rc;

	snprintf(path, sizeof(path), "/keys/%s/%s", ref->name, ref->version);
	rc = keyvault_call(vault_of(ks), "GET", path, NULL, &v, &why);
	if (rc == -EACCES) {
		log_warning("whether the key %s belongs to a certificate or has expired cannot be seen: that takes the key "
			    "permission get", ref->name);
		return 0;
	}
	if (rc == -ENOENT)
		return explain_missing(ks, "keys", ref->name, err);
	if (rc) {
		error_copy(err, &why);
		return rc;
	}
	if (keyvault_attribute(v, "exp") && keyvault_attribute(v, "exp") <= (int64_t)time(NULL))
		log_warning("the key %s/%s has expired; it is tried all the same", ref->name, ref->version);
	if (!jval_bool(jval_get_ci(v, "managed"), false))
		return 0;
	error_set(err, ENOTSUP, "the key belongs to a certificate; ADE does not support that");
	error_object(err, "%s%s", keyvault_base(vault_of(ks)), path);
	return -ENOTSUP;
}

static int keyvault_unwrap(struct keystore *ks, const struct key_ref *ref, enum wrap_alg alg,
			   const uint8_t *wrapped, size_t len, struct secret **out, struct error *err)
{
	AUTO(jval_free) struct jval *body = jval_object(), *v = NULL;
	char path[300], text[BASE64_CHARS(RSA_MAX_BYTES) + 1];
	int rc = of_this_vault(ks, ref, err);

	if (!rc && len > RSA_MAX_BYTES)
		rc = error_set(err, EBADMSG, "too long for a wrapped key");
	if (!rc)
		rc = refuse_managed(ks, ref, err);
	if (rc)
		return rc;
	base64_encode(wrapped, len, BASE64_URL, text);
	if (jval_set_text(body, "alg", wrap_alg_name(alg)) < 0 || jval_set_text(body, "value", text) < 0)
		return error_set(err, ENOMEM, "no memory");
	snprintf(path, sizeof(path), "/keys/%s/%s%sunwrapkey", ref->name, ref->version,
		 *ref->version ? "/" : "");
	rc = keyvault_call(vault_of(ks), "POST", path, body, &v, err);
	return rc ? rc : keyvault_plain_read(v, out, err);
}

static int keyvault_public_key(struct keystore *ks, struct key_ref *ref, struct rsa_key **out, struct error *err)
{
	AUTO(jval_free) struct jval *v = NULL;
	char path[300];
	int rc = of_this_vault(ks, ref, err);

	if (rc)
		return rc;
	snprintf(path, sizeof(path), "/keys/%s/%s", ref->name, ref->version);
	rc = keyvault_call(vault_of(ks), "GET", path, NULL, &v, err);
	if (rc == -ENOENT)
		return explain_missing(ks, "keys", ref->name, err);
	if (rc)
		return rc;
	return keyvault_key_read(v, ref, out, err);
}

static int keyvault_backup(struct keystore *ks, const char *kind, const struct key_ref *ref,
			   struct secret **blob, struct error *err)
{
	AUTO(jval_free) struct jval *v = NULL;
	char path[300];
	int rc = of_this_vault(ks, ref, err);

	if (rc)
		return rc;
	snprintf(path, sizeof(path), "/%s/%s/backup", kind, ref->name);
	rc = keyvault_try(vault_of(ks), "POST", path, NULL, &v, NULL, err);
	return rc ? rc : keyvault_backup_read(v, blob, err);
}

static void keyvault_close(struct keystore *ks)
{
	keyvault_free(vault_of(ks));
	free(ks);
}

static const struct keystore_ops keyvault_ops = {
	.scheme = "https", .get = keyvault_get, .list = keyvault_list, .unwrap = keyvault_unwrap,
	.public_key = keyvault_public_key, .backup = keyvault_backup, .free = keyvault_close,
};

struct keystore *keystore_keyvault_open(const char *url, const struct keystore_options *o,
					struct error *err)
{
	AUTO(keyvault_free) struct keyvault *kv = keyvault_new(url, o, err);
	struct keyvault_keystore *k = kv ? calloc(1, sizeof(*k)) : NULL;

	if (!k)
		return kv ? error_null(err, ENOMEM, "no memory") : NULL;
	keystore_init(&k->ks, &keyvault_ops, url);
	k->kv = TAKE(kv);
	return &k->ks;
}
