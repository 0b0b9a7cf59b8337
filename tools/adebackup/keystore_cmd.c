/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/adebackup/keystore_cmd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct local_store *keystore_cmd_open(const struct invocation *in, struct error *err)
{
	return local_open(in->operands[0], options_get(in->options, OPT_KEYSTORE_KEY), err);
}

static int add_tag(struct jval *tags, const char *text, struct error *err)
{
	const char *equals = strchr(text, '=');
	char name[300];

	if (!equals || equals == text || equals - text > 256)
		return error_set(err, EINVAL, "a tag is written NAME=VALUE, not %.60s", text);
	snprintf(name, sizeof(name), "%.*s", (int)(equals - text), text);
	return jval_set_text(tags, name, equals + 1);
}

static int set_expiry(struct jval *doc, const char *text, struct error *err)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);

	if (!end || *end)
		return error_set(err, EINVAL, "a time is written 2027-01-31T00:00:00Z, not %.40s", text);
	return jval_set_i64(doc, "exp", timegm(&tm));
}

struct jval *keystore_cmd_object(const struct invocation *in, struct error *err)
{
	AUTO(jval_free) struct jval *doc = jval_object(), *tags = jval_object();
	const struct options *o = in->options;
	const char *text;
	int rc = 0;

	for (size_t i = 0; !rc && (text = options_nth(o, OPT_TAG, i)); i++)
		rc = add_tag(tags, text, err);
	if (!rc && (text = options_get(o, OPT_EXPIRES)))
		rc = set_expiry(doc, text, err);
	if (!rc && (text = options_get(o, OPT_CONTENT_TYPE)))
		rc = jval_set_text(doc, "contentType", text);
	if (!rc)
		rc = jval_set_bool(doc, "enabled", !options_has(o, OPT_DISABLED));
	if (!rc)
		rc = jval_set(doc, "tags", TAKE(tags));
	if (rc == -ENOMEM)
		error_set(err, ENOMEM, "no memory");
	return rc ? NULL : TAKE(doc);
}

struct look { const char *name; bool found; };

static int is_it(void *arg, enum local_kind kind, const char *name, const char *version,
		 bool deleted, const struct jval *doc)
{
	struct look *l = arg;

	(void)kind;
	(void)version;
	(void)deleted;
	(void)doc;
	l->found = l->found || !strcmp(name, l->name);
	return 0;
}

int keystore_cmd_kind(const struct invocation *in, struct local_store *s, const char *name,
		      enum local_kind *kind, bool deleted, struct error *err)
{
	const char *asked = options_get(in->options, OPT_KIND);
	struct look secret = { name, false }, key = { name, false };
	int rc;

	if (asked) {
		*kind = !strcmp(asked, "key") ? LOCAL_KEY : LOCAL_SECRET;
		return 0;
	}
	rc = local_each(s, LOCAL_SECRET, deleted, is_it, &secret, err);
	if (!rc)
		rc = local_each(s, LOCAL_KEY, deleted, is_it, &key, err);
	if (rc)
		return rc;
	if (secret.found && key.found)
		return error_set(err, EINVAL, "a secret and a key have this name, say --kind secret or key");
	*kind = key.found ? LOCAL_KEY : LOCAL_SECRET;
	if (secret.found || key.found)
		return 0;
	error_set(err, ENOENT, "no secret or key of that name%s", deleted ? " is deleted" : "");
	error_object(err, "%s", name);
	error_next(err, "adebackup keystore list %s", in->operands[0]);
	return -ENOENT;
}

int keystore_cmd_end(const struct invocation *in, int rc, enum local_kind kind, const char *name,
		     const char *version, const struct error *err)
{
	json_t *members;

	if (rc)
		return report_error(in->report, err);
	members = json_pack("{s:s,s:s,s:s}", "kind", kind == LOCAL_KEY ? "key" : "secret", "name", name,
			    "version", version);
	if (!in->report->json && !in->report->quiet && *version)
		printf("%s/%s/%s\n", kind == LOCAL_KEY ? "keys" : "secrets", name, version);
	return report_result(in->report, members);
}
