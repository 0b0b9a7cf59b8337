/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/keys/key_origin.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define VALUE_MAX 25600		/* Key Vault's own limit */
#define TAGS_MAX 64

struct key_origin *key_origin_new(void)
{
	return calloc(1, sizeof(struct key_origin));
}

void key_origin_free(struct key_origin *o)
{
	if (!o)
		return;
	jval_free(o->tags);
	free(o->value);
	free(o->secret_backup);
	free(o->key_backup);
	free(o);
}

/* *to: a copy of what may be NULL. */
static bool copy_text(char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return !from || *to;
}

struct key_origin *key_origin_copy(const struct key_origin *from)
{
	AUTO(key_origin_free) struct key_origin *o = key_origin_new();
	bool ok;

	if (!o)
		return NULL;
	*o = *from;
	o->tags = from->tags ? jval_copy(from->tags) : NULL;
	ok = copy_text(&o->value, from->value);
	ok = copy_text(&o->secret_backup, from->secret_backup) && ok;
	ok = copy_text(&o->key_backup, from->key_backup) && ok;
	return ok && (o->tags || !from->tags) ? TAKE(o) : NULL;
}

const char *key_origin_tag(const struct key_origin *o, const char *name)
{
	const char *v = jval_get_text(o->tags, name);

	return v && *v ? v : NULL;
}

static char *fetch(struct keystores *stores, const char *kind, const char *url)
{
	AUTO(secret_free) struct secret *blob = NULL;
	struct key_ref ref;

	if (!*url || key_ref_parse(url, kind, &ref, NULL) < 0 || !*ref.host ||
	    keystores_backup(stores, kind, &ref, &blob, NULL) < 0 || secret_len(blob) > KEY_BACKUP_MAX)
		return NULL;
	return strndup((const char *)secret_bytes(blob), secret_len(blob));
}

void key_origin_fetch_backups(struct key_origin *o, struct keystores *stores)
{
	if (!o->secret_backup)
		o->secret_backup = fetch(stores, "secrets", o->secret_url);
	if (!o->key_backup && o->wrapped)
		o->key_backup = fetch(stores, "keys", o->kek_url);
}

struct jval *key_origin_print(const struct key_origin *o, const char *name)
{
	AUTO(jval_free) struct jval *row = jval_object();
	int rc = jval_set_text(row, "name", name);

	rc = rc ? rc : jval_set_text(row, "url", o->secret_url);
	rc = rc ? rc : jval_set_text(row, "content_type", o->content_type);
	if (!rc && o->tags)
		rc = jval_set(row, "tags", jval_copy(o->tags));
	if (!rc && o->wrapped) {
		rc = jval_set_text(row, "value", o->value ? o->value : "");
		rc = rc ? rc : jval_set_text(row, "kek", o->kek_url);
		rc = rc ? rc : jval_set_text(row, "algorithm", o->algorithm);
	}
	if (!rc && o->secret_backup)
		rc = jval_set_text(row, "backup", o->secret_backup);
	return rc ? NULL : TAKE(row);
}

static bool get_text(const struct jval *row, const char *name, char *out, size_t room)
{
	const char *text = jval_text(jval_get(row, name));

	if (!text || strlen(text) >= room)
		return false;
	memcpy(out, text, strlen(text) + 1);
	return true;
}

/* An optional member of base64url. */
static bool get_blob(const struct jval *row, const char *name, size_t max, char **out)
{
	const char *text = jval_text(jval_get(row, name));

	if (text && strlen(text) > max)
		return false;
	return copy_text(out, text);
}

static int only_text(void *arg, const char *name, struct jval *member)
{
	(void)arg;
	(void)name;
	return jval_text(member) ? 0 : -EBADMSG;
}

static bool get_tags(const struct jval *row, struct key_origin *o)
{
	struct jval *tags = jval_get(row, "tags");

	if (!tags)
		return true;
	if (!jval_is_object(tags) || jval_len(tags) > TAGS_MAX || jval_each(tags, only_text, NULL) < 0)
		return false;
	o->tags = jval_copy(tags);
	return o->tags;
}

struct key_origin *key_origin_parse(const struct jval *row, struct error *err)
{
	AUTO(key_origin_free) struct key_origin *o = key_origin_new();
	bool ok;

	if (!o)
		return error_null(err, ENOMEM, "out of memory");
	o->wrapped = jval_get(row, "kek");
	ok = get_text(row, "url", o->secret_url, sizeof(o->secret_url)) &&
	     get_text(row, "content_type", o->content_type, sizeof(o->content_type)) && get_tags(row, o) &&
	     get_blob(row, "value", VALUE_MAX, &o->value) &&
	     get_blob(row, "backup", KEY_BACKUP_MAX, &o->secret_backup);
	if (ok && o->wrapped)
		ok = o->value && get_text(row, "kek", o->kek_url, sizeof(o->kek_url)) &&
		     get_text(row, "algorithm", o->algorithm, sizeof(o->algorithm));
	return ok ? TAKE(o) : error_null(err, EBADMSG, "damaged capsule: what it says of a secret makes no sense");
}
