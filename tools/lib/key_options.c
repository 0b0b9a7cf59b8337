/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/key_options.h"
#include "fs/azure/find_keys.h"
#include "fs/net/azure_token.h"
#include "fs/net/url.h"
#include "tools/lib/prompt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A lone disk says not whose it is: so many secrets are tried. */
#define MAX_CANDIDATES 256

/* keystore=azure: the Key Vaults that the settings name.  Settings may come from anywhere, and we sign in
 * where a Key Vault tells us to: so only where Microsoft's are, or under the domain that the user names. */
struct named_vaults {
	struct keystores *stores;
	const struct keystore_options *how;
	const char *domain;		/* NULL: Azure's clouds */
	struct error *err;
};

static bool is_under(const char *url, const char *domain)
{
	char host[300];
	size_t n = strcspn(url + strlen("https://"), ":/");

	snprintf(host, sizeof(host), "%.*s", (int)n, url + strlen("https://"));
	return strcmp(host, domain) && host_is_under(host, domain);
}

static bool may_ask(const struct named_vaults *v, const char *url)
{
	static const char *const clouds[] = {
		"vault.azure.net", "vault.azure.cn", "vault.usgovcloudapi.net", "vault.microsoftazure.de",
		"managedhsm.azure.net", "managedhsm.azure.cn", "managedhsm.usgovcloudapi.net",
	};

	if (v->domain)
		return is_under(url, v->domain);
	for (size_t i = 0; i < sizeof(clouds) / sizeof(clouds[0]); i++)
		if (is_under(url, clouds[i]))
			return true;
	return false;
}

static int add_vault(void *arg, const char *url)
{
	struct named_vaults *v = arg;

	if (may_ask(v, url))
		return keystores_add(v->stores, keystore_open(url, v->how, v->err), v->err);
	error_set(v->err, EACCES, "the settings name a Key Vault that is none of %s",
		  v->domain ? v->domain : "Azure's clouds");
	error_object(v->err, "%s", url);
	error_next(v->err, "if it is yours, name it: keystore=%s, or its domain: keystore=azure:DOMAIN", url);
	return -EACCES;
}

static int add_named_vaults(struct named_vaults *v, const struct options *o)
{
	const char *path;
	int rc = 0;

	for (size_t i = 0; !rc && (path = options_nth(o, OPT_VM_CONFIG, i)); i++) {
		AUTO(azure_settings_free) struct azure_settings *s = azure_settings_load(path, v->err);

		rc = s ? azure_each_key_vault(s, add_vault, v) : -EBADMSG;
	}
	if (!options_has(o, OPT_VM_CONFIG)) {
		rc = error_set(v->err, EINVAL, "keystore=azure asks the Key Vaults that settings name");
		error_next(v->err, "name the settings too: vm-config=FILE");
	}
	return rc;
}

static bool is_azure(const char *spec)
{
	return !strncmp(spec, "azure", 5) && (!spec[5] || (spec[5] == ':' && spec[6]));
}

static int add_store(struct keystores *k, const char *spec, const struct options *o,
		     const struct keystore_options *how, struct error *err)
{
	struct named_vaults v = { k, how, NULL, err };

	if (!strncmp(spec, "dir:", 4))
		return 0;
	if (is_azure(spec)) {
		v.domain = spec[5] ? spec + 6 : NULL;
		return add_named_vaults(&v, o);
	}
	return keystores_add(k, keystore_open(spec, how, err), err);
}

struct keystores *keystores_from_options(const struct options *o, struct error *err)
{
	AUTO(keystores_free) struct keystores *k = keystores_new();
	struct token_options token = {
		.tenant = options_get(o, OPT_AZURE_TENANT),
		.client_id = options_get(o, OPT_AZURE_CLIENT_ID),
		.client_secret_file = options_get(o, OPT_AZURE_CLIENT_SECRET_FILE),
		.client_cert_file = options_get(o, OPT_AZURE_CLIENT_CERT),
		.token_file = options_get(o, OPT_AZURE_TOKEN_FILE),
		.token_command = options_get(o, OPT_AZURE_TOKEN_COMMAND),
		.authority = options_get(o, OPT_AZURE_AUTHORITY),
	};
	struct keystore_options how = {
		.ca_file = options_get(o, OPT_CA_FILE),
		.token = &token,
		.keystore_key = options_get(o, OPT_KEYSTORE_KEY),
		.pin_file = options_get(o, OPT_KEYSTORE_PIN_FILE),
		.ask = prompt_possible() ? prompt_secret : NULL,
	};
	const char *spec;

	if (!k)
		return error_null(err, ENOMEM, "no memory");
	for (size_t i = 0; (spec = options_nth(o, OPT_KEYSTORE, i)); i++)
		if (add_store(k, spec, o, &how, err) < 0)
			return NULL;
	return TAKE(k);
}

struct audit *audit_from_options(const struct options *o, struct error *err)
{
	return audit_open("adebackup", options_get(o, OPT_AUDIT_LOG), options_get(o, OPT_REASON), err);
}

static int add_folders(struct keyring *r, const struct options *o, struct error *err)
{
	const char *spec;
	int rc = 0;

	for (size_t i = 0; !rc && (spec = options_nth(o, OPT_KEYSTORE, i)); i++)
		if (!strncmp(spec, "dir:", 4))
			rc = keyring_add_dir(r, spec + 4, err);
	return rc;
}

/* The keys that one JSON file of Azure's names. */
static int add_from_config(struct keystores *k, const char *path, struct audit *audit,
			   struct keyring *r, struct error *err, struct error *warning)
{
	AUTO(azure_settings_free) struct azure_settings *s = azure_settings_load(path, err);
	struct error why = ERROR_INIT;
	int rc;

	if (!s)
		return err && err->code ? -err->code : -EBADMSG;
	rc = azure_find_keys(s, k, audit, r, &why, warning);
	if (rc && !why.object[0])
		error_object(&why, "%s", path);
	if (rc == -ENOENT && !keystores_count(k))
		error_next(&why, "name the key store; keystore=azure asks the Key Vaults that %s names", path);
	if (rc)
		error_copy(err, &why);
	return rc;
}

/* A VM's description beside keys of another kind need not lead to any itself. */
static int add_configs(struct keystores *k, const struct options *o, struct audit *audit, struct keyring *r,
		       struct error *err, struct error *warning)
{
	bool alone = keystores_count(k) || options_has(o, OPT_SECRET_URL) || !keyring_count(r);
	const char *path;
	int rc = 0;

	for (size_t i = 0; !rc && (path = options_nth(o, OPT_VM_CONFIG, i)); i++)
		rc = add_from_config(k, path, audit, r, alone ? err : warning, warning);
	return alone ? rc : 0;
}

int keyring_add_stores(struct keyring *r, const struct options *o, struct error *err,
		       struct error *warning)
{
	AUTO(keystores_free) struct keystores *k = NULL;
	AUTO(audit_close) struct audit *audit = NULL;
	struct bek_hint hint = { .kek_url = options_get(o, OPT_KEK_URL) };
	bool named = options_has(o, OPT_SECRET_URL) || options_has(o, OPT_VM_CONFIG);
	int rc = add_folders(r, o, err);

	if (rc || !(named || options_has(o, OPT_KEYSTORE)))
		return rc;
	k = keystores_from_options(o, err);
	audit = k ? audit_from_options(o, err) : NULL;
	if (!audit)
		return err && err->code ? -err->code : -EIO;
	rc = add_configs(k, o, audit, r, err, warning);
	for (size_t i = 0; !rc && (hint.secret_url = options_nth(o, OPT_SECRET_URL, i)); i++)
		rc = bek_fetch(k, &hint, audit, r, err, warning);
	return rc || named ? rc : bek_fetch_candidates(k, NULL, MAX_CANDIDATES, audit, r, err, warning);
}
