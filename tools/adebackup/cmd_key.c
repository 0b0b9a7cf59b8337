/* SPDX-License-Identifier: Apache-2.0 */
/* key list, add, remove: the keys that open a vault. */
#include "crypto/keywrap.h"
#include "fs/keys/keyfile.h"
#include "tools/adebackup/command.h"
#include "tools/lib/key_options.h"
#include "tools/lib/store_opening.h"
#include "tools/lib/vault_opening.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ID_PREFIX_MIN 4u

extern const struct command cmd_key_list, cmd_key_add, cmd_key_remove;

static int fail(const struct invocation *in, struct error *err)
{
	if (!err->object[0])
		error_object(err, "%s", in->operands[0]);
	return report_error(in->report, err);
}

/* What is in the store's clear part: no key is needed. */
static struct vault *open_clear(const struct invocation *in, struct error *err)
{
	struct store *st = store_from_options(in->operands[0], false, in->options, err);

	return st ? vault_open(st, NULL, err) : NULL;
}

struct listing { json_t *all; bool print; };

static int add_line(void *arg, const struct slot_info *info)
{
	struct listing *l = arg;
	json_t *o = json_pack("{s:s,s:s,s:s,s:i,s:b,s:s}", "id", info->id, "kind", slot_kind_name(info->kind), "label",
			      info->label, "epoch", (int)info->epoch, "for_capsules", info->for_capsules, "kek",
			      info->kek_url);

	if (l->print)
		printf("%s  %-10s  epoch %u  %s%s%s%s%s\n", info->id, slot_kind_name(info->kind), info->epoch, info->label,
		       info->for_capsules ? "  for capsules" : "", *info->kek_url ? "  (" : "", info->kek_url,
		       *info->kek_url ? ")" : "");
	return json_array_append_new(l->all, o) ? -ENOMEM : 0;
}

static int run_list(const struct invocation *in)
{
	struct error err = ERROR_INIT;
	AUTO(vault_free) struct vault *v = open_clear(in, &err);
	AUTO(json_decref) json_t *all = json_array();
	struct listing l = { all, !in->report->json };

	if (!v || slot_list(vault_store(v), add_line, &l, &err) < 0)
		return fail(in, &err);
	return report_result(in->report, json_pack("{s:O}", "keys", all));
}

const struct command cmd_key_list = {
	.name = "key list", .operands = "VAULT", .min = 1, .max = 1,
	.summary = "the keys that open a vault",
	.text = "Lists the vault's key slots: id, kind, epoch (how many keys of the vault it opens) and label. "
		"No key is needed: use it to find out which key is wanted.",
	.example = "  adebackup key list /backup",
	.groups = G_STORE, .vault = true, .run = run_list,
};

static int count_new(const struct options *o)
{
	return options_has(o, OPT_NEW_VAULT_KEY) + options_has(o, OPT_NEW_VAULT_PASSPHRASE_FILE) +
	       options_has(o, OPT_VAULT_RSA_PUBLIC) + options_has(o, OPT_VAULT_KEK);
}

/* The public half of a Key Vault's key, and its URL with the version that it has now. */
static int kek_secret(const struct options *o, char url[512], struct secret **pem, struct error *err)
{
	AUTO(keystores_free) struct keystores *stores = keystores_for_url(o, options_get(o, OPT_VAULT_KEK), err);
	AUTO(rsa_key_free) struct rsa_key *key = NULL;
	AUTO(free) char *text = NULL;
	struct key_ref ref;
	int rc = stores ? key_ref_parse(options_get(o, OPT_VAULT_KEK), "keys", &ref, err) : -err->code;

	rc = rc ? rc : keystores_public_key(stores, &ref, &key, err);
	if (rc)
		return rc == -ENOENT ? error_prefix(err, rc, "the KEK") : rc;
	text = rsa_key_public_pem(key);
	*pem = text ? secret_copy(text, strlen(text)) : NULL;
	snprintf(url, 512, "%s%s%s%s%s%s", *ref.host ? "https://" : "", ref.host, *ref.host ? "/keys/" : "", ref.name,
		 *ref.version ? "/" : "", ref.version);
	return *pem ? 0 : error_set(err, ENOMEM, "out of memory");
}

/* The one new secret that the options name. */
static int new_secret(const struct options *o, struct slot_secret *s, char url[512], struct secret **bytes,
		      bool *made, struct error *err)
{
	const char *key = options_get(o, OPT_NEW_VAULT_KEY), *pass = options_get(o, OPT_NEW_VAULT_PASSPHRASE_FILE);
	int rc;

	if (count_new(o) != 1) {
		error_set(err, EINVAL, "one new key is to be named");
		error_next(err, "Give --new-vault-key FILE, --new-vault-passphrase-file FILE, --vault-rsa-public FILE or "
			   "--vault-kek URL.");
		return -EINVAL;
	}
	s->for_capsules = options_has(o, OPT_FOR_CAPSULES);
	if (s->for_capsules && (key || pass))
		return error_set(err, EINVAL, "--for-capsules goes with --vault-rsa-public or --vault-kek");
	if (options_has(o, OPT_VAULT_KEK)) {
		rc = kek_secret(o, url, bytes, err);
		s->kind = SLOT_KEK;
		s->kek_url = url;
		s->bytes = *bytes;
		return rc;
	}
	s->kind = key ? SLOT_KEY_FILE : pass ? SLOT_PASSPHRASE : SLOT_RSA;
	rc = key ? slot_key_file_read(key, bytes, err)
		 : keyfile_load(pass ? pass : options_get(o, OPT_VAULT_RSA_PUBLIC), bytes, err);
	if (rc == -ENOENT && key) {
		error_clear(err);
		rc = slot_key_file_make(key, bytes, err);
		*made = rc == 0;
	}
	if (rc == 0 && pass)
		keyfile_trim(*bytes);
	if (rc == 0 && !secret_len(*bytes))
		rc = error_set(err, EINVAL, "the new passphrase is empty");
	s->bytes = *bytes;
	return rc;
}

static int run_add(const struct invocation *in)
{
	const char *label = options_get(in->options, OPT_LABEL);
	AUTO(secret_free) struct secret *bytes = NULL;
	AUTO(vault_free) struct vault *v = NULL;
	struct slot_secret s = { .kind = SLOT_KEY_FILE };
	struct error err = ERROR_INIT;
	char id[SLOT_ID_TEXT], url[512] = "";
	bool made = false;
	int rc = 0;

	if (label && strlen(label) >= sizeof(((struct slot_info *)0)->label))
		rc = error_set(&err, EINVAL, "the label is too long");
	v = rc ? NULL : vault_from_options(in->operands[0], in->options, &err);
	if (!v || new_secret(in->options, &s, url, &bytes, &made, &err) < 0 ||
	    slot_put(vault_store(v), vault_ring(v), &s, label ? label : "", id, &err) < 0)
		return fail(in, &err);
	if (!in->report->json && !in->report->quiet)
		printf("%s the vault's key %s%s%s\n", made ? "Made and added" : "Added", id, made ? ": " : "",
		       made ? options_get(in->options, OPT_NEW_VAULT_KEY) : "");
	return report_result(in->report, json_pack("{s:s,s:s,s:b,s:b,s:s}", "id", id, "kind", slot_kind_name(s.kind),
						   "key_made", made, "for_capsules", s.for_capsules, "kek", url));
}

const struct command cmd_key_add = {
	.name = "key add", .operands = "VAULT", .min = 1, .max = 1,
	.summary = "give a vault one more key",
	.text = "Opens VAULT with a key that it has (--vault-key, …) and adds the new one: a key file, which is "
		"made when it is not there, a passphrase, the public half of an RSA key, or a key of a Key Vault "
		"(--vault-kek), which is asked for its public half now and to unwrap later. From then on either "
		"opens the whole vault.\n\n"
		"With --for-capsules the keys of disks are from now on sealed for that RSA key or KEK alone: "
		"hosts that back up with another key of the vault cannot open the disks that they have "
		"backed up. Points that are there already stay as they are.",
	.example = "  adebackup key add /backup --vault-key vault.key --new-vault-key /mnt/usb/second.key "
		   "--label 'in the safe'\n"
		   "  adebackup key add /backup --vault-key vault.key --vault-rsa-public escrow.pem --for-capsules\n"
		   "  adebackup key add /backup --vault-key vault.key --vault-kek "
		   "https://contoso.vault.azure.net/keys/backup",
	.groups = G_VAULT | G_NEWKEY, .vault = true, .run = run_add,
};

struct pick {
	const char *prefix;
	struct slot_info found;
	int n;
};

static int pick_one(void *arg, const struct slot_info *info)
{
	struct pick *p = arg;

	if (strncmp(info->id, p->prefix, strlen(p->prefix)))
		return 0;
	p->found = *info;
	p->n++;
	return 0;
}

/* A damaged slot is in no list; its whole id still names it. */
static int find_slot(struct vault *v, const char *prefix, struct slot_info *out, struct error *err)
{
	struct pick p = { .prefix = prefix };
	int rc = slot_list(vault_store(v), pick_one, &p, err);

	if (rc < 0 && rc != -EBADMSG && rc != -ENOTSUP)
		return rc;
	if (p.n == 1 && (rc == 0 || strlen(prefix) == SLOT_ID_TEXT - 1)) {
		error_clear(err);
		*out = p.found;
		return 0;
	}
	if (rc == 0)
		error_set(err, p.n ? EINVAL : ENOENT, p.n ? "several keys of the vault begin with that" :
			  "the vault has no such key");
	error_next(err, "`adebackup key list` shows the keys; give an id, or at least %u digits of it.", ID_PREFIX_MIN);
	return -err->code;
}

/* Who takes a key away shows that he has another one, so that it is never the last. */
static int remove_slot(const struct invocation *in, struct vault *v, const struct slot_secret *s,
		       struct slot_info *slot, struct error *err)
{
	int rc = strlen(in->operands[1]) < ID_PREFIX_MIN
			 ? error_set(err, EINVAL, "a key's id has to be given with at least %u digits", ID_PREFIX_MIN)
			 : find_slot(v, in->operands[1], slot, err);

	if (rc == 0)
		rc = slot_matches(vault_store(v), vault_info(v)->id, slot->id, s, err);
	if (rc == 0) {
		error_set(err, EBUSY, "this is the key that you have opened the vault with");
		error_next(err, "Open it with another of its keys, which shows that one is left; `adebackup key add` "
				"adds one.");
		return -EBUSY;
	}
	return rc == -EKEYREJECTED ? slot_remove(vault_store(v), slot->id, 0, err) : rc;
}

static int run_remove(const struct invocation *in)
{
	AUTO(vault_secret_clear) struct vault_secret s = { .bytes = NULL };
	AUTO(vault_free) struct vault *v = NULL;
	struct slot_info slot = { .id = "" };
	struct error err = ERROR_INIT;
	struct store *st;

	if (vault_secret_from_options(in->options, &s, &err) == 0 &&
	    (st = store_from_options(in->operands[0], false, in->options, &err)))
		v = vault_open(st, &s.s, &err);
	if (!v || remove_slot(in, v, &s.s, &slot, &err) < 0)
		return fail(in, &err);
	if (!in->report->json && !in->report->quiet)
		printf("Removed the key %s. Who has opened the vault with it may have kept what was in it:\n"
		       "`adebackup key rotate` keeps that from opening what is written from now on.\n", slot.id);
	return report_result(in->report, json_pack("{s:s,s:s}", "id", slot.id, "kind", slot_kind_name(slot.kind)));
}

const struct command cmd_key_remove = {
	.name = "key remove", .operands = "VAULT ID", .min = 2, .max = 2,
	.summary = "take a key away from a vault",
	.text = "The key with that ID (`key list`; four digits are enough) no longer opens VAULT. Open the vault "
		"with another key than the one that goes: so the last one cannot be removed.\n\n"
		"This stops those who never opened the vault. Against a key that has leaked, `key rotate` as well.",
	.example = "  adebackup key remove /backup 3f9a --vault-key vault.key",
	.groups = G_VAULT, .vault = true, .run = run_remove,
};
