/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/keys/keyvault_restore.h"
#include "crypto/base64.h"
#include "fs/keys/bek_fetch.h"
#include "fs/net/retry.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define RECOVER_MS 90000		/* a recovery takes some seconds; a vault under load, longer */

const char *put_back_words(enum put_back how)
{
	static const char *const words[] = { "was there", "recovered from soft deletion", "restored from its backup",
					     "set" };

	return words[how];
}

/* The path of one object; version may be empty. */
static const char *path_of(char path[400], const char *kind, const struct key_ref *ref, bool versioned)
{
	snprintf(path, 400, "/%s/%s/%s", kind, ref->name, versioned ? ref->version : "");
	return path;
}

/* Soft-deleted: bring it back, and wait until it answers.  -ENOENT: nothing is deleted under that name. */
static int recover(struct keyvault *kv, const char *kind, const struct key_ref *ref, struct error *err)
{
	AUTO(jval_free) struct jval *v = NULL;
	uint64_t end = clock_ms() + RECOVER_MS;
	char path[400];
	int rc = keyvault_is_deleted(kv, kind, ref->name);

	if (rc)
		return rc == -ENOENT || rc == -EACCES ? -ENOENT : error_set(err, -rc, "the deleted %s cannot be seen", kind);
	snprintf(path, sizeof(path), "/deleted%s/%s/recover", kind, ref->name);
	rc = keyvault_call(kv, "POST", path, NULL, &v, err);
	if (rc)
		return error_prefix(err, rc, "it is soft-deleted and cannot be recovered");
	for (unsigned wait = 200; !rc && clock_ms() < end; wait = wait < 4000 ? 2 * wait : wait) {
		AUTO(jval_free) struct jval *now = NULL;

		rc = keyvault_call(kv, "GET", path_of(path, kind, ref, false), NULL, &now, err);
		if (!rc)
			return 0;
		rc = rc == -ENOENT ? 0 : rc;
		sleep_ms(wait);
	}
	return rc ? rc : error_set(err, ETIMEDOUT, "the recovery of %s/%s takes longer than %d s", kind, ref->name,
				   RECOVER_MS / 1000);
}

static int restore_blob(struct keyvault *kv, const char *kind, const char *blob, struct jval **out,
			struct error *err)
{
	AUTO(jval_free) struct jval *body = jval_object();
	char path[32];

	if (jval_set_text(body, "value", blob) < 0)
		return error_set(err, ENOMEM, "no memory");
	snprintf(path, sizeof(path), "/%s/restore", kind);
	return keyvault_call(kv, "POST", path, body, out, err);
}

static int take_kid(const struct jval *v, struct keyvault_restored *out, struct error *err)
{
	const char *kid = jval_get_text(jval_get_ci(v, "key"), "kid");

	if (!kid || strlen(kid) >= sizeof(out->kek_url))
		return error_set(err, EBADMSG, "the Key Vault's answer names no key");
	snprintf(out->kek_url, sizeof(out->kek_url), "%s", kid);
	return 0;
}

static int no_kek(const struct key_origin *o, struct error *err)
{
	error_set(err, ENOKEY, "the KEK that wraps the secret is not in this Key Vault, and the point keeps no backup of it");
	error_object(err, "%s", *o->kek_url ? o->kek_url : o->secret_url);
	error_next(err, "Import its private key (az keyvault key import) and name it with --kek-url, or restore it "
			"where it was backed up.");
	return -ENOKEY;
}

/* The version that wraps, not the newest one. */
static int restore_kek(struct keyvault *kv, const struct key_origin *o, const char *kek_url,
		       struct keyvault_restored *out, struct error *err)
{
	AUTO(jval_free) struct jval *v = NULL, *restored = NULL;
	struct key_ref ref;
	char path[400];
	int rc = *kek_url ? key_ref_parse(kek_url, "keys", &ref, err) : no_kek(o, err);

	if (rc)
		return rc;
	out->kek = PUT_THERE;
	rc = keyvault_call(kv, "GET", path_of(path, "keys", &ref, true), NULL, &v, err);
	if (rc == -ENOENT && recover(kv, "keys", &ref, err) == 0) {
		out->kek = PUT_RECOVERED;
		rc = keyvault_call(kv, "GET", path, NULL, &v, err);
	}
	if (rc == -ENOENT && o->key_backup) {
		out->kek = PUT_FROM_BACKUP;
		rc = restore_blob(kv, "keys", o->key_backup, &restored, err);
		rc = rc ? error_prefix(err, rc, "the KEK's backup") : keyvault_call(kv, "GET", path, NULL, &v, err);
	}
	return rc == -ENOENT ? no_kek(o, err) : rc ? rc : take_kid(v, out, err);
}

/* What the secret's value must be; owned by the caller.  NULL: the key is not at hand. */
static struct secret *value_of(const struct key_origin *o, const struct secret *plain)
{
	struct secret *s;

	if (o->wrapped)
		return o->value && *o->value ? secret_copy(o->value, strlen(o->value)) : NULL;
	s = plain ? secret_new(BASE64_CHARS(secret_len(plain)) + 1) : NULL;
	if (s)
		secret_truncate(s, base64_encode(secret_bytes(plain), secret_len(plain), BASE64_STD,
						 (char *)secret_data(s)));
	return s;
}

static bool same_value(const struct jval *v, const struct secret *value)
{
	const char *text = jval_get_text(v, "value");

	return text && value && strlen(text) == secret_len(value) &&
	       bytes_equal_ct(text, secret_bytes(value), secret_len(value));
}

static int take_id(const struct jval *v, struct keyvault_restored *out, struct error *err)
{
	const char *id = jval_get_text(v, "id");

	if (!id || strlen(id) >= sizeof(out->secret_url))
		return error_set(err, EBADMSG, "the Key Vault's answer names no secret");
	snprintf(out->secret_url, sizeof(out->secret_url), "%s", id);
	return 0;
}

/* Is it there already: that version, or the newest with the same value?  -ENOENT: not, *name: but the name is. */
static int look(struct keyvault *kv, const struct key_ref *ref, const struct secret *value,
		struct keyvault_restored *out, bool *name, struct error *err)
{
	char path[400];
	int rc = -ENOENT;

	for (int versioned = 1; versioned >= 0; versioned--) {
		AUTO(jval_free) struct jval *v = NULL;

		rc = keyvault_call(kv, "GET", path_of(path, "secrets", ref, versioned), NULL, &v, err);
		if (rc && rc != -ENOENT)
			return rc;
		*name = *name || !rc;
		if (!rc && (same_value(v, value) || (!value && versioned && *ref->version)))
			return take_id(v, out, err);
	}
	return -ENOENT;
}

static struct jval *tags_of(const struct key_origin *o, const char *name, const char *kek_url)
{
	AUTO(jval_free) struct jval *tags = o->tags ? jval_copy(o->tags) : jval_object();
	char file[KEYSTORE_NAME_MAX + 8];
	int rc = tags ? 0 : -ENOMEM;

	snprintf(file, sizeof(file), "%s.BEK", name);
	if (!rc && o->wrapped)
		rc = jval_set_text(tags, TAG_KEK_URL, kek_url);
	if (!rc && o->wrapped && !jval_get_text(tags, TAG_ALGORITHM))
		rc = jval_set_text(tags, TAG_ALGORITHM, o->algorithm);
	if (!rc && !jval_get_text(tags, TAG_FILE_NAME) && strlen(name) == 36)	/* a GUID: Windows names it so */
		rc = jval_set_text(tags, TAG_FILE_NAME, file);
	return rc ? NULL : TAKE(tags);
}

static int set_secret(struct keyvault *kv, const struct key_origin *o, const struct key_ref *ref,
		      const struct secret *value, struct keyvault_restored *out, struct error *err)
{
	AUTO(jval_free) struct jval *body = jval_object(), *v = NULL;
	AUTO(secret_free) struct secret *text = value ? secret_new(secret_len(value) + 1) : NULL;
	const char *type = *o->content_type ? o->content_type : o->wrapped ? "Wrapped BEK" : "BEK";
	char path[400];
	int rc;

	if (!value) {
		error_set(err, ENOKEY, "the point keeps neither the secret's value nor a backup of it");
		error_object(err, "%s", o->secret_url);
		return -ENOKEY;
	}
	if (!text)
		return error_set(err, ENOMEM, "no memory");
	memcpy(secret_data(text), secret_bytes(value), secret_len(value));
	if (jval_set_text(body, "value", (const char *)secret_bytes(text)) < 0 ||
	    jval_set_text(body, "contentType", type) < 0 ||
	    jval_set(body, "tags", tags_of(o, ref->name, out->kek_url)) < 0)
		return error_set(err, ENOMEM, "no memory");
	out->secret = PUT_SET;
	rc = keyvault_call(kv, "PUT", path_of(path, "secrets", ref, false), body, &v, err);
	return rc ? rc : take_id(v, out, err);
}

/* A blob opens in its own subscription and geography alone: else the value will do. */
static int from_blob(struct keyvault *kv, const struct key_origin *o, const struct key_ref *ref,
		     const struct secret *value, struct keyvault_restored *out, struct error *err)
{
	AUTO(jval_free) struct jval *v = NULL;
	bool name = false;
	int rc = restore_blob(kv, "secrets", o->secret_backup, &v, err);

	if (rc)
		return value && rc != -EACCES && rc != -EHOSTUNREACH ? set_secret(kv, o, ref, value, out, err)
								      : error_prefix(err, rc, "the secret's backup");
	out->secret = PUT_FROM_BACKUP;
	rc = look(kv, ref, value, out, &name, err);
	return rc == -ENOENT ? take_id(v, out, err) : rc;
}

static int restore_secret(struct keyvault *kv, const struct key_origin *o, const struct secret *plain,
			  struct keyvault_restored *out, struct error *err)
{
	AUTO(secret_free) struct secret *value = value_of(o, plain);
	bool name = false;
	struct key_ref ref;
	int rc = key_ref_parse(o->secret_url, "secrets", &ref, err);

	if (rc)
		return rc;
	out->secret = PUT_THERE;
	rc = look(kv, &ref, value, out, &name, err);
	if (rc == -ENOENT && !name && recover(kv, "secrets", &ref, err) == 0) {
		out->secret = PUT_RECOVERED;
		rc = look(kv, &ref, value, out, &name, err);
	}
	if (rc != -ENOENT)
		return rc;
	if (o->secret_backup && !o->wrapped && !name)
		return from_blob(kv, o, &ref, value, out, err);
	return set_secret(kv, o, &ref, value, out, err);
}

int keyvault_restore(struct keyvault *kv, const struct key_origin *o, const struct secret *plain,
		     const char *kek_url, struct keyvault_restored *out, struct error *err)
{
	int rc = 0;

	*out = (struct keyvault_restored){ .secret = PUT_THERE };
	if (o->wrapped)
		rc = restore_kek(kv, o, kek_url ? kek_url : o->kek_url, out, err);
	return rc ? rc : restore_secret(kv, o, plain, out, err);
}
