/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/bytes.h"
#include "crypto/hash.h"
#include "fs/keys/keyfile.h"
#include "fs/vault/segment.h"
#include "tools/adebackup/command.h"
#include "tools/lib/store_opening.h"
#include "tools/lib/vault_opening.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The first slot's secret: a key file that is made when it is not there, a
 * passphrase, or a public key. */
static int first_secret(const struct options *o, struct vault_secret *v, bool *made, struct error *err)
{
	const char *key = options_get(o, OPT_VAULT_KEY), *public = options_get(o, OPT_VAULT_RSA_PUBLIC);
	int rc;

	if (options_has(o, OPT_VAULT_RSA_KEY)) {
		error_set(err, EINVAL, "a vault is made with the public half of an RSA key");
		error_next(err, "Give --vault-rsa-public FILE; keep the private half elsewhere.");
		return -EINVAL;
	}
	if (public && (key || options_has(o, OPT_VAULT_PASSPHRASE_FILE)))
		return error_set(err, EINVAL, "several keys are named; further ones come by `adebackup key add`");
	if (public) {
		rc = keyfile_load(public, &v->bytes, err);
		v->s = (struct slot_secret){ .kind = SLOT_RSA, .bytes = v->bytes };
		return rc;
	}
	rc = vault_secret_from_options(o, v, err);
	if (rc == -ENOENT && key) {
		error_clear(err);
		rc = slot_key_file_make(key, &v->bytes, err);
		v->s = (struct slot_secret){ .kind = SLOT_KEY_FILE, .bytes = v->bytes };
		*made = rc == 0;
	}
	if (rc == 0 && v->s.kind == SLOT_KEK)
		rc = error_set(err, ENOKEY, "a vault's first key is no KEK; `adebackup key add --vault-kek` adds one");
	if (rc == -ENOKEY)
		error_next(err, "Give --vault-key FILE (made if it is not there), --vault-passphrase-file FILE or "
				"--vault-rsa-public FILE.");
	return rc;
}

static int take_text(const struct options *o, enum option_id id, char *out, size_t size, struct error *err)
{
	const char *text = options_get(o, id);

	if (text && strlen(text) >= size)
		return error_set(err, EINVAL, "%s is longer than %zu bytes", option_defs[id].name, size - 1);
	snprintf(out, size, "%s", text ? text : "");
	return 0;
}

static int wanted(const struct options *o, struct vault_info *want, struct error *err)
{
	uint64_t chunk = options_number(o, OPT_CHUNK_SIZE, CHUNK_DEFAULT);
	int rc = take_text(o, OPT_NAME, want->name, sizeof(want->name), err);

	rc = rc ? rc : take_text(o, OPT_SUBSCRIPTION, want->subscription, sizeof(want->subscription), err);
	rc = rc ? rc : take_text(o, OPT_REGION, want->region, sizeof(want->region), err);
	if (rc)
		return rc;
	if (chunk < CHUNK_MIN || chunk > CHUNK_MAX || !is_power_of_two(chunk))
		return error_set(err, EINVAL, "chunk-size must be a power of two from 16K to 4M");
	want->chunk_size = (uint32_t)chunk;
	if (options_has(o, OPT_CAPSULE))
		capsule_mode_parse(options_get(o, OPT_CAPSULE), &want->capsule);
	return 0;
}

static void tell(const struct invocation *in, const struct vault *v, const struct slot_secret *s, bool made)
{
	static const char *const kept[] = {
		"points keep the disks' keys, sealed: a thief of the vault's key opens the disks too",
		"points keep keys only as a KEK wraps them: a thief of the vault's key needs the KEK as well",
		"points keep no keys: a disk opens only with its BEK",
	};

	if (in->report->json || in->report->quiet)
		return;
	printf("The vault %s is made.\n", in->operands[0]);
	if (made)
		printf("Its key is new: %s\n", options_get(in->options, OPT_VAULT_KEY));
	printf("NOTHING OPENS THIS VAULT WITHOUT %s. Keep a copy of it away from this machine\n"
	       "(`adebackup key export --paper` prints one), or add a second key: `adebackup key add`.\n",
	       s->kind == SLOT_RSA ? "THE PRIVATE HALF OF THAT RSA KEY"
				   : s->kind == SLOT_PASSPHRASE ? "THAT PASSPHRASE" : "THAT KEY FILE");
	printf("Capsules: %s.\n", kept[vault_info(v)->capsule]);
	if (!vault_info(v)->conditional_put)
		printf("This store cannot refuse a name that is taken: nothing is ever collected while a session exists.\n");
}

static int run(const struct invocation *in)
{
	AUTO(vault_secret_clear) struct vault_secret first = { .bytes = NULL };
	AUTO(vault_free) struct vault *v = NULL;
	char id[2 * VAULT_ID_BYTES + 1], slot[SLOT_ID_TEXT];
	struct vault_info want = { .name = "" };
	struct error err = ERROR_INIT;
	struct store *st;
	bool made = false;

	if (!store_is_remote(in->operands[0]) && vault_is_at(in->operands[0], in->options, NULL))
		error_set(&err, EEXIST, "there is a vault here already");
	else if (wanted(in->options, &want, &err) == 0 &&
		 first_secret(in->options, &first, &made, &err) == 0 &&
		 (st = store_from_options(in->operands[0], true, in->options, &err)))
		vault_init(st, &want, &first.s, slot, &v, &err);
	if (!v) {
		if (!err.object[0])
			error_object(&err, "%s", in->operands[0]);
		return report_error(in->report, &err);
	}
	hex_encode(vault_info(v)->id, VAULT_ID_BYTES, id);
	tell(in, v, &first.s, made);
	return report_result(in->report, json_pack("{s:s,s:s,s:s,s:b,s:b,s:s,s:i}", "vault", in->operands[0], "id", id,
						   "slot", slot, "key_made", made, "conditional_put",
						   vault_info(v)->conditional_put, "capsule",
						   capsule_mode_name(vault_info(v)->capsule), "chunk_size",
						   (int)vault_info(v)->chunk_size));
}

const struct command cmd_init = {
	.name = "init",
	.operands = "VAULT",
	.min = 1,
	.max = 1,
	.summary = "make a vault",
	.text = "Makes VAULT, a folder that holds backups, and its first key. A key file that is not "
		"there is made, readable by you alone. Nothing opens the vault without a key: keep "
		"a copy elsewhere.\n\n"
		"Everything in the vault is encrypted and authenticated; whoever can write to it can "
		"delete, not read, forge or swap.",
	.example = "  adebackup init /backup --vault-key vault.key\n"
		   "  adebackup init /backup --vault-rsa-public escrow.pem --capsule wrapped",
	.groups = G_VAULT | G_NEWVAULT,
	.vault = true,
	.run = run,
};
