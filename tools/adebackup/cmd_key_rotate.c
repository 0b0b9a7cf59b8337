/* SPDX-License-Identifier: Apache-2.0 */
/* key rotate, export. */
#include "crypto/hash.h"
#include "fs/keys/keyfile.h"
#include "fs/vault/slot_paper.h"
#include "fs/vault/vault_rotate.h"
#include "tools/adebackup/command.h"
#include "tools/lib/store_opening.h"
#include "tools/lib/vault_opening.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SECRETS_MAX 33u		/* the one that opens, and public keys */

extern const struct command cmd_key_rotate, cmd_key_export;

/* What the options name: the secret that opens the vault, then public keys. */
struct given {
	struct vault_secret opens;
	struct slot_secret s[SECRETS_MAX];	/* the first is opens.s */
	struct secret *bytes[SECRETS_MAX];
	size_t n;
	struct vault *vault;
};

static void given_clear(struct given *g)
{
	vault_free(g->vault);
	vault_secret_clear(&g->opens);
	for (size_t i = 0; i < SECRETS_MAX; i++)
		secret_free(g->bytes[i]);
}

static int open_given(const struct invocation *in, struct given *g, struct error *err)
{
	struct store *st;
	int rc = vault_secret_from_options(in->options, &g->opens, err);

	if (rc < 0)
		return rc;
	g->s[0] = g->opens.s;
	g->n = 1;
	st = store_from_options(in->operands[0], false, in->options, err);
	g->vault = st ? vault_open(st, &g->s[0], err) : NULL;
	return g->vault ? 0 : -err->code;
}

static int add_public(const struct invocation *in, struct given *g, struct error *err)
{
	const char *path;
	int rc = 0;

	for (size_t i = 0; !rc && (path = options_nth(in->options, OPT_VAULT_RSA_PUBLIC, i)); i++) {
		if (g->n == SECRETS_MAX)
			return error_set(err, EINVAL, "more than %u public keys", SECRETS_MAX - 1);
		rc = keyfile_load(path, &g->bytes[g->n], err);
		g->s[g->n] = (struct slot_secret){ .kind = SLOT_RSA, .bytes = g->bytes[g->n] };
		g->n++;
	}
	return rc;
}

static int fail(const struct invocation *in, struct error *err)
{
	if (!err->object[0])
		error_object(err, "%s", in->operands[0]);
	return report_error(in->report, err);
}

static int run_rotate(const struct invocation *in)
{
	__attribute__((cleanup(given_clear))) struct given g = { .n = 0 };
	struct error err = ERROR_INIT;
	unsigned epoch = 0;
	int rc = open_given(in, &g, &err);

	rc = rc ? rc : add_public(in, &g, &err);
	rc = rc ? rc : vault_rotate(g.vault, g.s, g.n, &epoch, &err);
	if (rc)
		return fail(in, &err);
	if (!in->report->json && !in->report->quiet)
		printf("What is written from now on is sealed with the vault's key number %u. Mounts that stand go on, "
		       "but mount again to see new points.\n", epoch);
	return report_result(in->report, json_pack("{s:i}", "epoch", (int)epoch));
}

const struct command cmd_key_rotate = {
	.name = "key rotate", .operands = "VAULT", .min = 1, .max = 1,
	.summary = "seal what is written from now on with a new key",
	.text = "Adds a master key to VAULT: who has learnt an earlier one, and not this one, cannot open what is "
		"written from now on. What was written before stays readable to him.\n\n"
		"Every key file, passphrase, RSA key and KEK that opens the vault goes on opening all of it. The one "
		"that opens the vault now is at hand; slots of RSA keys and KEKs keep their public halves (for older "
		"ones give them with --vault-rsa-public). While there are others "
		"nothing is done: `key remove` them, rotate, and `key add` them again.",
	.example = "  adebackup key rotate /backup --vault-key vault.key --vault-rsa-public escrow.pem",
	.groups = G_VAULT | G_PUBLIC, .vault = true, .run = run_rotate,
};

static int check_export(const struct invocation *in, struct error *err)
{
	if (in->report->json)
		return error_set(err, EINVAL, "a key on paper is for people: leave --json away");
	if (!options_has(in->options, OPT_PAPER)) {
		error_set(err, EINVAL, "this shows the key itself");
		error_next(err, "Say --paper when that is meant, and mind who sees the screen.");
		return -EINVAL;
	}
	if (!options_has(in->options, OPT_VAULT_KEY)) {
		error_set(err, EINVAL, "only a key file can be put on paper");
		error_next(err, "Name it with --vault-key FILE.");
		return -EINVAL;
	}
	return 0;
}

/* The vault is opened, so that no paper is kept that opens nothing. */
static int run_export(const struct invocation *in)
{
	__attribute__((cleanup(given_clear))) struct given g = { .n = 0 };
	AUTO(secret_free) struct secret *paper = NULL;
	struct error err = ERROR_INIT;
	char about[200], id[2 * VAULT_ID_BYTES + 1];
	int rc = check_export(in, &err);

	rc = rc ? rc : open_given(in, &g, &err);
	if (rc)
		return fail(in, &err);
	hex_encode(vault_info(g.vault)->id, VAULT_ID_BYTES, id);
	snprintf(about, sizeof(about), "opens the vault %s  %.100s", id, vault_info(g.vault)->name);
	for (char *p = about; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	paper = slot_paper_print(secret_bytes(g.opens.bytes), about);
	if (!paper || fwrite(secret_bytes(paper), 1, secret_len(paper), stdout) != secret_len(paper) ||
	    fflush(stdout)) {
		error_set(&err, EIO, "the key cannot be written");
		return fail(in, &err);
	}
	return EXIT_DONE;
}

const struct command cmd_key_export = {
	.name = "key export", .operands = "VAULT", .min = 1, .max = 1,
	.summary = "print a key file, to be kept on paper",
	.text = "Prints the key file of --vault-key in four lines, each with a check. Typed into a file as it stands, "
		"it is the key file again; a line that is mistyped is told by its number. Keep it where the vault is "
		"not.",
	.example = "  adebackup key export /backup --paper --vault-key vault.key | lp",
	.groups = G_VAULT | G_PAPER, .vault = true, .run = run_export,
};
