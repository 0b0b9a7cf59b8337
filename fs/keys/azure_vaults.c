/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keystore=azure: whichever Key Vault a URL names, opened when it is first
 * asked.  URLs come from settings and capsules, and we sign in where a Key
 * Vault tells us to; so only Azure's own clouds are asked, or what is under
 * the domain that the user named.
 */
#include "fs/keys/keystore.h"
#include "fs/net/azure_token.h"
#include "fs/net/url.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define VAULTS_MAX 16

static const char *const clouds[] = {
	"vault.azure.net", "vault.azure.cn", "vault.usgovcloudapi.net", "vault.microsoftazure.de",
	"managedhsm.azure.net", "managedhsm.azure.cn", "managedhsm.usgovcloudapi.net",
};

struct azure_vaults {
	struct keystore ks;
	struct keystore_options options;	/* what its pointers name outlives the store */
	struct token_options token;
	char domain[256];			/* empty: Azure's clouds */
	pthread_mutex_t lock;			/* over what follows */
	struct { char host[256]; struct keystore *ks; } vault[VAULTS_MAX];
	size_t n;
};

static bool is_under(const char *host, const char *domain)
{
	char name[256];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(host, ":"), host);
	return strcmp(name, domain) && host_is_under(name, domain);
}

bool keystore_azure_may_ask(const char *domain, const char *host)
{
	if (*domain)
		return is_under(host, domain);
	for (size_t i = 0; i < sizeof(clouds) / sizeof(clouds[0]); i++)
		if (is_under(host, clouds[i]))
			return true;
	return false;
}

static int refuse(const struct azure_vaults *a, const char *host, struct error *err)
{
	error_set(err, EACCES, "the settings name a Key Vault that is not %s%s",
		  a->domain[0] ? "under " : "in one of Azure's clouds", a->domain);
	error_object(err, "https://%s/", host);
	error_next(err, "if it is yours, name it: keystore=https://%s/, or its domain: keystore=azure:DOMAIN", host);
	return -EACCES;
}

static struct keystore *open_locked(struct azure_vaults *a, const char *host, struct error *err)
{
	char url[280];

	for (size_t i = 0; i < a->n; i++)
		if (!strcmp(a->vault[i].host, host))
			return a->vault[i].ks;
	if (a->n == VAULTS_MAX)
		return error_null(err, ENOTSUP, "the settings name more than %u Key Vaults", VAULTS_MAX);
	snprintf(url, sizeof(url), "https://%s/", host);
	a->vault[a->n].ks = keystore_keyvault_open(url, &a->options, err);
	if (!a->vault[a->n].ks)
		return NULL;
	snprintf(a->vault[a->n].host, sizeof(a->vault[0].host), "%s", host);
	return a->vault[a->n++].ks;
}

static int vault_for(struct keystore *ks, const struct key_ref *ref, struct keystore **out, struct error *err)
{
	struct azure_vaults *a = (struct azure_vaults *)ks;
	struct error why = ERROR_INIT;

	if (!*ref->host)
		return error_set(err, ENOENT, "only a URL tells in which Key Vault %.60s is", ref->name);
	if (!keystore_azure_may_ask(a->domain, ref->host))
		return refuse(a, ref->host, err);
	pthread_mutex_lock(&a->lock);
	*out = open_locked(a, ref->host, &why);
	pthread_mutex_unlock(&a->lock);
	if (*out)
		return 0;
	error_copy(err, &why);
	return -why.code;
}

static int azure_get(struct keystore *ks, const struct key_ref *ref, struct keystore_secret *out, struct error *err)
{
	struct keystore *vault;
	int rc = vault_for(ks, ref, &vault, err);

	return rc ? rc : vault->ops->get(vault, ref, out, err);
}

static int azure_unwrap(struct keystore *ks, const struct key_ref *ref, enum wrap_alg alg, const uint8_t *wrapped,
			size_t len, struct secret **out, struct error *err)
{
	struct keystore *vault;
	int rc = vault_for(ks, ref, &vault, err);

	return rc ? rc : vault->ops->unwrap(vault, ref, alg, wrapped, len, out, err);
}

static int azure_public_key(struct keystore *ks, struct key_ref *ref, struct rsa_key **out, struct error *err)
{
	struct keystore *vault;
	int rc = vault_for(ks, ref, &vault, err);

	return rc ? rc : vault->ops->public_key(vault, ref, out, err);
}

static int azure_backup(struct keystore *ks, const char *kind, const struct key_ref *ref, struct secret **blob,
			struct error *err)
{
	struct keystore *vault;
	int rc = vault_for(ks, ref, &vault, err);

	return rc ? rc : vault->ops->backup(vault, kind, ref, blob, err);
}

/* Of those that were asked so far: no other is known. */
static int azure_list(struct keystore *ks, keystore_secret_fn *fn, void *arg, struct error *err)
{
	struct azure_vaults *a = (struct azure_vaults *)ks;
	size_t n;
	int rc = 0;

	pthread_mutex_lock(&a->lock);
	n = a->n;
	pthread_mutex_unlock(&a->lock);
	for (size_t i = 0; i < n && !rc; i++)
		rc = a->vault[i].ks->ops->list(a->vault[i].ks, fn, arg, err);
	return rc;
}

static void azure_free(struct keystore *ks)
{
	struct azure_vaults *a = (struct azure_vaults *)ks;

	for (size_t i = 0; i < a->n; i++)
		keystore_free(a->vault[i].ks);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

static const struct keystore_ops azure_ops = {
	.scheme = "azure", .get = azure_get, .list = azure_list, .unwrap = azure_unwrap,
	.public_key = azure_public_key, .backup = azure_backup, .free = azure_free,
};

struct keystore *keystore_azure_open(const char *domain, const struct keystore_options *o, struct error *err)
{
	struct azure_vaults *a = calloc(1, sizeof(*a));

	if (!a)
		return error_null(err, ENOMEM, "no memory");
	keystore_init(&a->ks, &azure_ops, "azure");
	snprintf(a->domain, sizeof(a->domain), "%s", domain);
	a->options = *o;
	if (o->token) {
		a->token = *o->token;
		a->options.token = &a->token;
	}
	pthread_mutex_init(&a->lock, NULL);
	return &a->ks;
}
