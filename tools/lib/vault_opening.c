/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/vault_opening.h"
#include "fs/image/webfile.h"
#include "fs/keys/keyfile.h"
#include "fs/store/diskcache.h"
#include "tools/lib/key_options.h"
#include "tools/lib/prompt.h"
#include "tools/lib/store_opening.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int one_of_several(struct error *err)
{
	error_set(err, EINVAL, "several keys of the vault are named");
	error_next(err, "Give one of --vault-key, --vault-passphrase-file and --vault-rsa-key.");
	return -EINVAL;
}

static int no_key(struct error *err)
{
	error_set(err, ENOKEY, "no key of the vault is named");
	error_next(err, "Give --vault-key FILE, --vault-passphrase-file FILE or --vault-rsa-key FILE, or with "
			"--keystore what holds its KEK.");
	return -ENOKEY;
}

void vault_secret_clear(struct vault_secret *v)
{
	secret_free(v->bytes);
	keystores_free(v->stores);
	audit_close(v->audit);
	*v = (struct vault_secret){ .bytes = NULL };
}

/* No key is named, but a key store that may hold the vault's KEK. */
static int by_stores(const struct options *o, struct vault_secret *out, struct error *err)
{
	out->stores = keystores_from_options(o, err);
	if (!out->stores)
		return -err->code;
	if (!keystores_count(out->stores))
		return no_key(err);
	out->audit = audit_from_options(o, err);
	out->s = (struct slot_secret){ .kind = SLOT_KEK, .stores = out->stores, .audit = out->audit };
	return out->audit ? 0 : -err->code;
}

int vault_secret_from_options(const struct options *o, struct vault_secret *out, struct error *err)
{
	const char *key = options_get(o, OPT_VAULT_KEY), *rsa = options_get(o, OPT_VAULT_RSA_KEY);
	const char *pass = options_get(o, OPT_VAULT_PASSPHRASE_FILE);
	int rc;

	*out = (struct vault_secret){ .bytes = NULL };
	if ((key != NULL) + (rsa != NULL) + (pass != NULL) > 1)
		return one_of_several(err);
	if (!key && !rsa && !pass)
		return options_has(o, OPT_KEYSTORE) ? by_stores(o, out, err) : no_key(err);
	out->s.kind = key ? SLOT_KEY_FILE : rsa ? SLOT_RSA : SLOT_PASSPHRASE;
	rc = key ? slot_key_file_read(key, &out->bytes, err) : keyfile_load(rsa ? rsa : pass, &out->bytes, err);
	if (rc == 0 && pass)
		keyfile_trim(out->bytes);
	out->s.bytes = out->bytes;
	return rc;
}

static int ask(const char *vault, struct vault_secret *out, struct error *err)
{
	char question[160];

	error_clear(err);
	snprintf(question, sizeof(question), "Passphrase of the vault %.100s: ", vault);
	out->bytes = prompt_secret(question);
	out->s = (struct slot_secret){ .kind = SLOT_PASSPHRASE, .bytes = out->bytes };
	return out->bytes ? 0 : no_key(err);
}

static int is_kek(void *arg, const struct slot_info *info)
{
	bool *any = arg;

	*any = *any || info->kind == SLOT_KEK;
	return 0;
}

/* A key store that was named for disks need not hold a KEK of the vault. */
static int need_kek_slot(struct store *st, struct error *err)
{
	bool any = false;
	int rc = slot_list(st, is_kek, &any, NULL);

	return any || (rc < 0 && rc != -ENOENT) ? 0 : no_key(err);
}

struct vault *vault_from_store(struct store *st_taken, const char *vault, const struct options *o, struct error *err)
{
	AUTO(store_free) struct store *st = st_taken;
	AUTO(vault_secret_clear) struct vault_secret s;
	struct vault *v;
	int rc = vault_secret_from_options(o, &s, err);

	if (rc == 0 && s.s.kind == SLOT_KEK && st)
		rc = need_kek_slot(st, err);
	if (rc == -ENOKEY && prompt_possible()) {
		vault_secret_clear(&s);
		rc = ask(vault, &s, err);
	}
	v = rc < 0 || !st ? NULL : vault_open(TAKE(st), &s.s, err);
	if (!v && !err->object[0])
		error_object(err, "%s", vault);
	return v;
}

struct vault *vault_from_options(const char *vault, const struct options *o, struct error *err)
{
	struct store *st = store_from_options(vault, false, o, err);

	if (st)
		return vault_from_store(st, vault, o, err);
	if (!err->object[0])
		error_object(err, "%s", vault);
	return NULL;
}

void vault_last_words(struct vault *v, bool failed)
{
	if (v)
		store_hurry(vault_store(v), failed ? 15000 : 60000);
}

/* What tells this vault from others that share the folder; never a query, which may be a SAS. */
static void address_of(const char *vault, const struct options *o, char *out, size_t size)
{
	const char *endpoint = options_get(o, OPT_ENDPOINT);
	AUTO(free) char *path = store_is_remote(vault) ? NULL : realpath(vault, NULL);

	snprintf(out, size, "%s", path ? path : vault);
	if (!path)
		snprintf(out, size, "%.*s %.200s", (int)strcspn(vault, "?"), vault, endpoint ? endpoint : "");
}

struct vault *vault_from_options_kept(const char *vault, const struct options *o, struct error *err)
{
	const char *folder = options_get(o, OPT_DISKCACHE);
	struct store *st = store_from_options(vault, false, o, err);
	char address[512];

	if (st && folder && (st = store_diskcache_new(st, folder, options_number(o, OPT_DISKCACHE_SIZE, 0), err))) {
		address_of(vault, o, address, sizeof(address));
		store_diskcache_listed(st, address);
	}
	if (st)
		return vault_from_store(st, vault, o, err);
	if (!err->object[0])
		error_object(err, "%s", vault);
	return NULL;
}

static bool names_vault_key(const struct options *o)
{
	return options_has(o, OPT_VAULT_KEY) || options_has(o, OPT_VAULT_PASSPHRASE_FILE) ||
	       options_has(o, OPT_VAULT_RSA_KEY);
}

/* A SAS for one blob, or a web server, may answer all kinds of things about names below a file. */
static bool is_file(const char *spec, const struct options *o)
{
	struct store_reach r;
	struct store *st;

	store_reach_from(&r, spec, o);
	st = webfile_open(spec, &r.store, NULL);
	store_free(st);
	return st != NULL;
}

int vault_is_at(const char *spec, const struct options *o, struct error *err)
{
	bool remote = store_is_remote(spec);
	struct error why = ERROR_INIT;
	struct object vault;
	AUTO(store_free) struct store *st = NULL;
	int rc;

	if (remote && strchr(spec, '?'))
		return 0;
	if (remote && names_vault_key(o))
		return 1;
	st = store_from_options(spec, false, o, &why);
	rc = st ? store_stat(st, "vault", &vault, &why) : why.code ? -why.code : -EIO;
	if (rc == 0 || rc == -ENOENT || !remote)
		return rc == 0;
	if (why.code != EHOSTUNREACH && why.code != ETIMEDOUT && is_file(spec, o))
		return 0;
	error_copy(err, &why);
	return rc;
}
