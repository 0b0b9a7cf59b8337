/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/key_options.h"
#include "fs/azure/find_keys.h"
#include "fs/net/azure_token.h"
#include "tools/lib/prompt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A lone disk says not whose it is: so many secrets are tried. */
#define MAX_CANDIDATES 256

void keystore_options_from(const struct options *o, struct token_options *token, struct keystore_options *how)
{
	*token = (struct token_options){
		.tenant = options_get(o, OPT_AZURE_TENANT),
		.client_id = options_get(o, OPT_AZURE_CLIENT_ID),
		.object_id = options_get(o, OPT_AZURE_OBJECT_ID),
		.resource_id = options_get(o, OPT_AZURE_RESOURCE_ID),
		.client_secret_file = options_get(o, OPT_AZURE_CLIENT_SECRET_FILE),
		.client_cert_file = options_get(o, OPT_AZURE_CLIENT_CERT),
		.token_file = options_get(o, OPT_AZURE_TOKEN_FILE),
		.token_command = options_get(o, OPT_AZURE_TOKEN_COMMAND),
		.authority = options_get(o, OPT_AZURE_AUTHORITY),
	};
	*how = (struct keystore_options){
		.ca_file = options_get(o, OPT_CA_FILE),
		.token = token,
		.keystore_key = options_get(o, OPT_KEYSTORE_KEY),
		.pin_file = options_get(o, OPT_KEYSTORE_PIN_FILE),
		.ask = prompt_possible() ? prompt_secret : NULL,
	};
}

struct keystores *keystores_from_options(const struct options *o, struct error *err)
{
	AUTO(keystores_free) struct keystores *k = keystores_new();
	struct keystore_options how;
	struct token_options token;
	const char *spec;

	if (!k)
		return error_null(err, ENOMEM, "no memory");
	keystore_options_from(o, &token, &how);
	for (size_t i = 0; (spec = options_nth(o, OPT_KEYSTORE, i)); i++)
		if (strncmp(spec, "dir:", 4) && keystores_add(k, keystore_open(spec, &how, err), err) < 0)
			return NULL;
	return TAKE(k);
}

/* The Key Vault that a URL of it names is as good as named. */
struct keystores *keystores_for_url(const struct options *o, const char *url, struct error *err)
{
	AUTO(keystores_free) struct keystores *k = keystores_from_options(o, err);
	struct keystore_options how;
	struct token_options token;
	char base[300];

	if (!k || keystores_count(k) || strncmp(url, "https://", 8))
		return TAKE(k);
	keystore_options_from(o, &token, &how);
	snprintf(base, sizeof(base), "https://%.*s/", (int)strcspn(url + 8, "/?#"), url + 8);
	return keystores_add(k, keystore_open(base, &how, err), err) < 0 ? NULL : TAKE(k);
}

struct audit *audit_from_options(const struct options *o, struct error *err)
{
	return audit_open("adebackup", options_get(o, OPT_AUDIT_LOG), options_get(o, OPT_REASON), err);
}

int keyring_add_folders(struct keyring *r, const struct options *o, struct error *err)
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
	if (!s->n_secrets && !s->enabled && !keystores_count(k))
		return 0;	/* of a VM that is not encrypted */
	rc = azure_find_keys(s, k, audit, r, &why, warning);
	if (rc && !why.object[0])
		error_object(&why, "%s", path);
	if (rc == -ENOENT && !keystores_count(k))
		error_next(&why, "name the key store; keystore=azure asks the Key Vault that %s names", path);
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

bool keyring_names_secrets(const struct options *o)
{
	return options_has(o, OPT_SECRET_URL) || options_has(o, OPT_VM_CONFIG);
}

int keyring_add_named(struct keyring *r, struct keystores *k, const struct options *o, struct audit *audit,
		      struct error *err, struct error *warning)
{
	struct bek_hint hint = { .kek_url = options_get(o, OPT_KEK_URL) };
	int rc = add_configs(k, o, audit, r, err, warning);

	for (size_t i = 0; !rc && (hint.secret_url = options_nth(o, OPT_SECRET_URL, i)); i++)
		rc = bek_fetch(k, &hint, audit, r, err, warning);
	return rc;
}

int keyring_add_stores(struct keyring *r, const struct options *o, struct error *err, struct error *warning)
{
	AUTO(keystores_free) struct keystores *k = NULL;
	AUTO(audit_close) struct audit *audit = NULL;
	int rc;

	if (!keyring_names_secrets(o) && !options_has(o, OPT_KEYSTORE))
		return 0;
	k = keystores_from_options(o, err);
	audit = k ? audit_from_options(o, err) : NULL;
	if (!audit)
		return err && err->code ? -err->code : -EIO;
	rc = keyring_add_named(r, k, o, audit, err, warning);
	if (rc || keyring_names_secrets(o))
		return rc;
	return bek_fetch_candidates(k, NULL, MAX_CANDIDATES, audit, r, err, warning);
}
