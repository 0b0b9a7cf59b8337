/* SPDX-License-Identifier: Apache-2.0 */
/* keys export, restore-to-keyvault: a point's keys leave the vault. */
#include "fs/keys/audit.h"
#include "fs/keys/keyvault_restore.h"
#include "fs/util/fileio.h"
#include "tools/adebackup/keys_cmd.h"
#include "tools/lib/key_options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

extern const struct command cmd_keys_export, cmd_keys_restore_to_keyvault;

/* The name that ADE gives the file; never a path. */
static void file_name(const struct keys_point *p, const struct key *k, char out[160])
{
	const struct key_origin *o = keys_point_origin(p, k->name);
	const char *tag = o ? key_origin_tag(o, TAG_FILE_NAME) : NULL;

	if (tag)
		snprintf(out, 160, "%.150s", tag);
	else if (k->kind == KEY_BEK)
		snprintf(out, 160, "%s.BEK", k->guid);
	else
		snprintf(out, 160, "%.150s", k->name);
	for (char *c = out; *c; c++)
		if (*c == '/' || (unsigned char)*c < 0x20)
			*c = '_';
	if (out[0] == '.' || !out[0])
		snprintf(out, 160, "key");
}

/* Of several with one name the next get a number; the same key twice is one file. */
static int write_file(int dir, char name[160], const struct secret *bytes, struct error *err)
{
	char wanted[160];
	int rc;

	snprintf(wanted, sizeof(wanted), "%.150s", name);
	for (unsigned n = 2;; n++) {
		AUTO(fd) int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd < 0 && errno == EEXIST && n < 100) {
			snprintf(name, 160, "%.150s-%u", wanted, n);
			continue;
		}
		rc = fd < 0 ? -errno : file_write_all(fd, secret_bytes(bytes), secret_len(bytes));
		if (!rc && fsync(fd) < 0)
			rc = -errno;
		if (rc && fd >= 0)
			unlinkat(dir, name, 0);
		break;
	}
	if (!rc)
		return 0;
	error_set(err, -rc, "the key file cannot be written: %s", strerror(-rc));
	error_object(err, "%s", name);
	return rc;
}

struct exporting {
	const struct keys_point *p;
	int dir;
	const char *to;
	json_t *files;
	bool print;
};

static bool done_before(const struct exporting *x, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (secret_equal(keyring_at(x->p->keys, i)->bytes, keyring_at(x->p->keys, j)->bytes))
			return true;
	return false;
}

/* The audit line first: a key that leaves without one must not. */
static int export_key(struct exporting *x, const struct key *k, struct error *err)
{
	char name[160], what[400], point[200];
	int rc;

	file_name(x->p, k, name);
	keys_point_text(x->p, point, sizeof(point));
	snprintf(what, sizeof(what), "%.190s: %.150s", point, k->name);
	rc = audit_note(x->p->audit, "export", what, x->to, 0);
	if (rc)
		return error_set(err, -rc, "the audit line could not be kept, so no key is handed out");
	rc = write_file(x->dir, name, k->bytes, err);
	if (rc)
		return rc;
	json_array_append_new(x->files, json_pack("{s:s,s:s}", "file", name, "key", k->name));
	if (x->print)
		printf("%s/%s\n", x->to, name);
	return 0;
}

static int run_export(const struct invocation *in)
{
	AUTO(keys_point_clear) struct keys_point p;
	AUTO(json_decref) json_t *files = json_array();
	AUTO(fd) int dir = -1;
	struct exporting x = { .p = &p, .to = options_get(in->options, OPT_TO), .files = files,
			       .print = !in->report->json && !in->report->quiet };
	struct error err = ERROR_INIT;
	int rc = keys_point_open(&p, in, true, &err), code;

	if (!rc && !x.to)
		rc = error_set(&err, EINVAL, "where to?  Name a folder with --to DIR");
	if (!rc && !keyring_count(p.keys)) {
		rc = p.locked.code ? -p.locked.code : keys_point_none(&p, &err);
		if (p.locked.code)
			error_copy(&err, &p.locked);
	}
	if (!rc && mkdir(x.to, 0700) < 0 && errno != EEXIST)
		rc = -errno;
	if (!rc && (x.dir = dir = open(x.to, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		rc = -errno;
	if (rc && !err.code) {
		error_set(&err, -rc, "the folder cannot be used: %s", strerror(-rc));
		error_object(&err, "%s", x.to);
	}
	for (size_t i = 0; !rc && i < keyring_count(p.keys); i++)
		if (!done_before(&x, i))
			rc = export_key(&x, keyring_at(p.keys, i), &err);
	if (rc)
		return report_error(in->report, &err);
	if (p.locked.code)
		report_warning(in->report, &p.locked);
	code = report_result(in->report, json_pack("{s:s,s:s,s:O}", "vm", p.point->vm, "point", p.point->id, "files", files));
	return code ? code : p.locked.code ? EXIT_WARNINGS : EXIT_DONE;
}

const struct command cmd_keys_export = {
	.name = "keys export", .operands = "VAULT VM[@POINT]", .min = 2, .max = 2,
	.summary = "write a point's keys into files",
	.text = "Writes each key that the point keeps and that opens now into a file of the folder --to, readable by "
		"you alone, under the name that ADE gives it on the BEK volume: GUID.BEK, "
		"LinuxPassPhraseFileName. These files open the disks: mind where they lie. Each export leaves an "
		"audit line (syslog, --audit-log) with --reason. Files that are there already are left as they "
		"are; a further one of the same name gets a number.\n\n"
		"Keys that are wrapped need their KEK: --keystore. Those that stay closed are told, and the command "
		"ends with 3.",
	.example = "  adebackup keys export /backup web1 --to /keys --vault-key vault.key --reason 'ticket 4711'",
	.groups = G_VAULT | G_CAPSULE, .vault = true, .run = run_export,
};

/* The one Key Vault that the keys go to. */
static struct keyvault *target(const struct options *o, struct error *err)
{
	const char *spec, *url = NULL;
	struct keystore_options how;
	struct token_options token;

	for (size_t i = 0; (spec = options_nth(o, OPT_KEYSTORE, i)); i++)
		if (!strncmp(spec, "https://", 8)) {
			if (url)
				return error_null(err, EINVAL, "two Key Vaults are named; the keys go to one");
			url = spec;
		}
	if (!url) {
		error_null(err, EINVAL, "which Key Vault?");
		error_next(err, "Name it with --keystore https://NAME.vault.azure.net/");
		return NULL;
	}
	keystore_options_from(o, &token, &how);
	return keyvault_new(url, &how, err);
}

static int put_back(const struct keys_point *p, struct keyvault *kv, const struct named_origin *n, const char *kek_url,
		    json_t *all, bool print, struct error *err)
{
	const struct key *k = keys_point_key(p, n->name);
	const struct key_origin *o = n->origin;
	struct keyvault_restored r;
	int rc = keyvault_restore(kv, o, k && !o->wrapped ? k->bytes : NULL, kek_url, &r, err);
	int noted = audit_note(p->audit, "restore-to-keyvault", n->name, keyvault_base(kv), rc);

	if (rc || noted)
		return rc ? rc : error_set(err, -noted, "the audit line could not be kept");
	json_array_append_new(all, json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "name", n->name, "secret_url", r.secret_url,
		"secret", put_back_words(r.secret), "kek_url", r.kek_url, "kek", o->wrapped ? put_back_words(r.kek) : "",
		"was", o->secret_url));
	if (print && o->wrapped)
		printf("KEK     %s  (%s)\n", r.kek_url, put_back_words(r.kek));
	if (print)
		printf("secret  %s  (%s)%s%s\n", r.secret_url, put_back_words(r.secret),
		       strcmp(r.secret_url, o->secret_url) ? "\n        was " : "",
		       strcmp(r.secret_url, o->secret_url) ? o->secret_url : "");
	return 0;
}

static int run_restore(const struct invocation *in)
{
	AUTO(keys_point_clear) struct keys_point p;
	AUTO(json_decref) json_t *all = json_array();
	AUTO(keyvault_free) struct keyvault *kv = NULL;
	bool print = !in->report->json && !in->report->quiet;
	struct error err = ERROR_INIT;
	int rc = keys_point_open(&p, in, false, &err);

	if (!rc && !p.n_origins) {
		rc = error_set(&err, ENOKEY, "no key of the point came from a Key Vault, as far as it tells");
		error_next(&err, "`adebackup keys export` writes the keys into files.");
	}
	if (!rc && !(kv = target(in->options, &err)))
		rc = -err.code;
	for (size_t i = 0; !rc && i < p.n_origins; i++)
		rc = put_back(&p, kv, &p.origin[i], options_get(in->options, OPT_KEK_URL), all, print, &err);
	if (rc)
		return report_error(in->report, &err);
	if (print)
		printf("Where a URL is new, write it into the VM's or the OS disk's encryption settings before the VM starts.\n");
	return report_result(in->report, json_pack("{s:s,s:s,s:s,s:O}", "vm", p.point->vm, "point", p.point->id,
						   "keyvault", keyvault_base(kv), "keys", all));
}

const struct command cmd_keys_restore_to_keyvault = {
	.name = "keys restore-to-keyvault", .operands = "VAULT VM[@POINT]", .min = 2, .max = 2,
	.summary = "put a point's keys back into a Key Vault",
	.text = "Puts the secrets of the point's disks, and the KEKs that wrap them, into the Key Vault that --keystore "
		"names, as Azure documents it. First the KEK: it is there, is recovered from soft deletion, or comes "
		"from Key Vault's own backup of it, if the point keeps one. Then the secret: a wrapped one verbatim "
		"with its tags, a plain one from its backup, else with its value. What is there already stays as it "
		"is.\n\n"
		"Prints the URLs as they are now. A new version has a new URL: it belongs into the encryption settings "
		"of the VM (with the AAD app) or of the OS disk (without) before the VM is started. A KEK whose "
		"private key you have imported yourself is named with --kek-url.",
	.example = "  adebackup keys restore-to-keyvault /backup web1 --vault-key vault.key "
		   "--keystore https://contoso.vault.azure.net/",
	.groups = G_VAULT | G_PUTBACK, .vault = true, .run = run_restore,
};
