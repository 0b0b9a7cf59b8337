/* SPDX-License-Identifier: Apache-2.0 */
/* keystore list, show, delete, recover: what looks and what moves. */
#include "fs/keys/audit.h"
#include "tools/adebackup/keystore_cmd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

extern const struct command cmd_keystore_list, cmd_keystore_show, cmd_keystore_delete,
	cmd_keystore_recover;

/* All but the secret parts. */
static json_t *public_part(enum local_kind kind, const char *name, const char *version, bool deleted,
			   const struct jval *doc)
{
	static const char *const kept[] = { "contentType", "tags", "enabled", "created", "updated",
					    "nbf", "exp" };
	json_t *out = json_pack("{s:s,s:s,s:s,s:b}", "kind", kind == LOCAL_KEY ? "key" : "secret",
				"name", name, "version", version, "deleted", deleted);

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		const struct jval *v = jval_get(doc, kept[i]);
		AUTO(free) char *text = v ? jval_print(v, false) : NULL;
		json_t *copy = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;

		if (copy)
			json_object_set_new(out, kept[i], copy);
	}
	return out;
}

struct listing { json_t *all; bool print; };

static int add_line(void *arg, enum local_kind kind, const char *name, const char *version,
		    bool deleted, const struct jval *doc)
{
	struct listing *l = arg;
	const char *type = jval_get_text(doc, "contentType");
	const char *file = jval_get_text(jval_get(doc, "tags"), "DiskEncryptionKeyFileName");

	if (l->print)
		printf("%-6s  %s/%s  %s%s%s%s\n", kind == LOCAL_KEY ? "key" : "secret", name, version,
		       type ? type : "", file ? "  " : "", file ? file : "",
		       deleted ? "  deleted" :
		       jval_bool(jval_get(doc, "enabled"), true) ? "" : "  disabled");
	return json_array_append_new(l->all, public_part(kind, name, version, deleted, doc)) ? -ENOMEM : 0;
}

static int run_list(const struct invocation *in)
{
	struct error err = ERROR_INIT;
	AUTO(local_close) struct local_store *s = keystore_cmd_open(in, &err);
	AUTO(json_decref) json_t *all = json_array();
	struct listing l = { all, !in->report->json };
	int rc = s ? 0 : -EIO;

	for (int i = 0; !rc && i < 4; i++)
		rc = local_each(s, i & 1 ? LOCAL_KEY : LOCAL_SECRET, i >= 2, add_line, &l, &err);
	if (rc)
		return report_error(in->report, &err);
	return report_result(in->report, json_pack("{s:O}", "objects", all));
}

const struct command cmd_keystore_list = {
	.name = "keystore list", .operands = "DIR", .min = 1, .max = 1,
	.summary = "what a local key store holds",
	.text = "Lists all versions of all secrets and keys with their tags, deleted ones too, never "
		"their values.",
	.example = "  adebackup keystore list DIR --keystore-key FILE",
	.groups = G_KEYSTORE, .run = run_list,
};

static int reveal(const struct invocation *in, const struct jval *doc, json_t *out, struct error *err)
{
	AUTO(audit_close) struct audit *a = audit_open("adebackup", options_get(in->options, OPT_AUDIT_LOG),
						       options_get(in->options, OPT_REASON), err);
	const char *value = jval_get_text(doc, "value");
	int rc;

	if (!a)
		return -EIO;
	rc = audit_note(a, "export", in->operands[1], in->operands[0], 0);
	if (rc)
		return error_set(err, -rc, "the audit line could not be kept, so nothing is shown");
	if (!value)
		return error_set(err, EINVAL, "a private key is not shown");
	if (!in->report->json)
		printf("%s\n", value);
	return json_object_set_new(out, "value", json_string(value)) ? -ENOMEM : 0;
}

static void print_attributes(const json_t *shown)
{
	AUTO(free) char *text = json_text(shown, 1);

	if (text)
		fputs(text, stdout);
}

static int run_show(const struct invocation *in)
{
	struct error err = ERROR_INIT;
	AUTO(local_close) struct local_store *s = keystore_cmd_open(in, &err);
	AUTO(jval_free) struct jval *doc = NULL;
	AUTO(json_decref) json_t *shown = NULL;
	enum local_kind kind = LOCAL_SECRET;
	struct key_ref ref;
	char version[64] = "";
	int rc = s ? key_ref_parse(in->operands[1], "secrets", &ref, &err) : -EIO;

	if (!rc)
		rc = keystore_cmd_kind(in, s, ref.name, &kind, false, &err);
	doc = rc ? NULL : local_read(s, kind, ref.name, ref.version, version, &err);
	if (!doc)
		return report_error(in->report, &err);
	shown = public_part(kind, ref.name, version, false, doc);
	if (options_has(in->options, OPT_VALUE))
		rc = reveal(in, doc, shown, &err);
	else if (!in->report->json)
		print_attributes(shown);
	if (rc)
		return report_error(in->report, &err);
	return report_result(in->report, TAKE(shown));
}

const struct command cmd_keystore_show = {
	.name = "keystore show", .operands = "DIR NAME[/VERSION]", .min = 2, .max = 2,
	.summary = "one secret or key of a local key store",
	.text = "Shows tags and attributes of the newest enabled version, or of VERSION. The value of a "
		"secret only with --value, which leaves an audit line; a private key never.",
	.example = "  adebackup keystore show DIR B3284AAA-… --keystore-key FILE",
	.groups = G_KEYSTORE, .run = run_show,
};

static int change(const struct invocation *in, bool recover)
{
	struct error err = ERROR_INIT;
	AUTO(local_close) struct local_store *s = keystore_cmd_open(in, &err);
	const char *name = in->operands[1];
	enum local_kind kind = LOCAL_SECRET;
	int rc = s ? keystore_cmd_kind(in, s, name, &kind, recover, &err) : -EIO;

	if (!rc && recover)
		rc = local_recover(s, kind, name, &err);
	else if (!rc)
		rc = local_delete(s, kind, name, &err);
	return keystore_cmd_end(in, rc, kind, name, "", &err);
}

static int run_delete(const struct invocation *in)
{
	return change(in, false);
}

static int run_recover(const struct invocation *in)
{
	return change(in, true);
}

const struct command cmd_keystore_delete = {
	.name = "keystore delete", .operands = "DIR NAME", .min = 2, .max = 2,
	.summary = "delete a secret or key, recoverably",
	.text = "All versions of NAME go to the deleted ones, from where `keystore recover` brings them "
		"back. Until then the name is taken.",
	.example = "  adebackup keystore delete DIR kek1 --keystore-key FILE",
	.groups = G_KEYSTORE, .run = run_delete,
};

const struct command cmd_keystore_recover = {
	.name = "keystore recover", .operands = "DIR NAME", .min = 2, .max = 2,
	.summary = "bring a deleted secret or key back",
	.text = "Undoes `keystore delete`.",
	.example = "  adebackup keystore recover DIR kek1 --keystore-key FILE",
	.groups = G_KEYSTORE, .run = run_recover,
};
