/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/vault_opening.h"
#include "fs/keys/keyfile.h"
#include "tools/lib/prompt.h"
#include "tools/lib/store_opening.h"

#include <errno.h>
#include <stdio.h>
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
	error_next(err, "Give --vault-key FILE, --vault-passphrase-file FILE or --vault-rsa-key FILE.");
	return -ENOKEY;
}

int vault_secret_from_options(const struct options *o, struct slot_secret *s, struct secret **bytes,
			      struct error *err)
{
	const char *key = options_get(o, OPT_VAULT_KEY), *rsa = options_get(o, OPT_VAULT_RSA_KEY);
	const char *pass = options_get(o, OPT_VAULT_PASSPHRASE_FILE);
	int rc;

	if ((key != NULL) + (rsa != NULL) + (pass != NULL) > 1)
		return one_of_several(err);
	if (!key && !rsa && !pass)
		return no_key(err);
	s->kind = key ? SLOT_KEY_FILE : rsa ? SLOT_RSA : SLOT_PASSPHRASE;
	rc = key ? slot_key_file_read(key, bytes, err) : keyfile_load(rsa ? rsa : pass, bytes, err);
	if (rc == 0 && pass)
		keyfile_trim(*bytes);
	s->bytes = *bytes;
	return rc;
}

struct vault *vault_from_store(struct store *st_taken, const char *vault, const struct options *o, struct error *err)
{
	AUTO(store_free) struct store *st = st_taken;
	AUTO(secret_free) struct secret *bytes = NULL;
	struct slot_secret s = { .kind = SLOT_PASSPHRASE };
	struct vault *v;
	int rc = vault_secret_from_options(o, &s, &bytes, err);

	if (rc == -ENOKEY && prompt_possible()) {
		char question[160];

		error_clear(err);
		snprintf(question, sizeof(question), "Passphrase of the vault %.100s: ", vault);
		s.bytes = bytes = prompt_secret(question);
		rc = bytes ? 0 : no_key(err);
	}
	v = rc < 0 || !st ? NULL : vault_open(TAKE(st), &s, err);
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

static bool names_vault_key(const struct options *o)
{
	return options_has(o, OPT_VAULT_KEY) || options_has(o, OPT_VAULT_PASSPHRASE_FILE) ||
	       options_has(o, OPT_VAULT_RSA_KEY);
}

int vault_is_at(const char *spec, const struct options *o, struct error *err)
{
	bool remote = store_is_remote(spec);
	struct error why = ERROR_INIT;
	struct object vault;
	AUTO(store_free) struct store *st = NULL;
	int rc;

	if (remote && names_vault_key(o))
		return 1;
	st = store_from_options(spec, false, o, &why);
	rc = st ? store_stat(st, "vault", &vault, &why) : why.code ? -why.code : -EIO;
	if (rc == 0 || rc == -ENOENT || !remote)
		return rc == 0;
	error_copy(err, &why);
	return rc;
}
