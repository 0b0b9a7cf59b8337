/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/keys/bek_fetch.h"
#include "crypto/base64.h"
#include "crypto/bitlocker/bitlocker.h"
#include "fs/keys/key_origin.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum wrap_state bek_wrap_state(const struct keystore_secret *s, const char *kek_url,
			       const char **kek)
{
	const char *tag = keystore_secret_tag(s, TAG_KEK_URL);

	if (!tag)
		tag = keystore_secret_tag(s, "DiskEncryptionKeyEncryptionUrl");
	*kek = kek_url && *kek_url ? kek_url : tag ? tag : "";
	return **kek || !strcasecmp(s->content_type, "Wrapped BEK") ? BEK_WRAPPED : BEK_PLAIN;
}

bool bek_is_candidate(const struct keystore_secret *s)
{
	return !s->managed && (keystore_secret_tag(s, TAG_FILE_NAME) ||
			       !strcasecmp(s->content_type, "BEK") ||
			       !strcasecmp(s->content_type, "Wrapped BEK"));
}

static bool ends_in_bek(const char *name)
{
	size_t n = name ? strlen(name) : 0;

	return n > 4 && !strcasecmp(name + n - 4, ".BEK");
}

static int check_is_key(const struct keystore_secret *s, const struct secret *bytes, struct error *err)
{
	const char *file = keystore_secret_tag(s, TAG_FILE_NAME);
	bool bek = bek_detect(secret_bytes(bytes), secret_len(bytes));

	if (!secret_len(bytes))
		return error_set(err, EBADMSG, "the secret holds an empty key");
	if (!ends_in_bek(file) || bek)
		return 0;
	error_set(err, EBADMSG, "the secret is tagged %s but holds no .BEK file", file);
	error_next(err, "see whether the tag is wrong, or the KEK that unwrapped it");
	return -EBADMSG;
}

/* Without blanks: a pasted value may be broken into lines.  NULL: no memory. */
static struct secret *value_text(const struct secret *value)
{
	AUTO(secret_free) struct secret *text = secret_new(secret_len(value) + 1);
	size_t n = 0;

	if (!text)
		return NULL;
	for (size_t i = 0; i < secret_len(value); i++)
		if (!memchr("\r\n \t", secret_bytes(value)[i], 4))
			secret_data(text)[n++] = secret_bytes(value)[i];
	secret_truncate(text, n);
	return TAKE(text);
}

/* Base64 in any spelling.  NULL: it is none. */
static struct secret *decode_value(const struct secret *value)
{
	AUTO(secret_free) struct secret *text = value_text(value);

	return text ? base64_decode_secret((const char *)secret_bytes(text), secret_len(text)) : NULL;
}

/* The stores' own advice (recover it, …) is kept if there is one. */
static int no_kek(struct error *err, const char *kek_url)
{
	if (!err)
		return -ENOKEY;
	error_prefix(err, -ENOKEY, "the KEK that wraps it is in no key store");
	err->code = ENOKEY;
	if (!strstr(err->next, "recover"))
		error_next(err, "its URL is %s; name the store that holds it, or keystore=pem:FILE",
			   *kek_url ? kek_url : "not known");
	return -ENOKEY;
}

static int unwrap(struct keystores *stores, const struct keystore_secret *s, const char *kek_url,
		  const char *algorithm, const struct secret *wrapped, struct audit *audit,
		  struct secret **out, struct error *err)
{
	const char *tag = keystore_secret_tag(s, TAG_ALGORITHM);
	const char *name = algorithm ? algorithm : tag ? tag : "RSA-OAEP";
	struct key_ref kek = { .host = "" };
	enum wrap_alg alg;
	int rc, noted;

	if (wrap_alg_parse(name, &alg) < 0)
		return error_set(err, ENOTSUP, "unknown wrapping algorithm %.40s", name);
	if (*kek_url && key_ref_parse(kek_url, "keys", &kek, err) < 0)
		return -EINVAL;
	rc = keystores_unwrap(stores, &kek, alg, secret_bytes(wrapped), secret_len(wrapped), out, err);
	noted = audit_note(audit, "unwrap", *s->url ? s->url : s->name, kek_url, rc);
	if (!rc && noted) {
		secret_free(*out);
		*out = NULL;
		return error_set(err, -noted, "the audit line could not be kept, so no key is handed out");
	}
	return rc == -ENOENT ? no_kek(err, kek_url) : rc;
}

int bek_open(struct keystores *stores, const struct keystore_secret *s, const struct bek_hint *hint,
	     struct audit *audit, struct secret **out, struct error *err)
{
	AUTO(secret_free) struct secret *bytes = NULL, *plain = NULL;
	const char *kek;
	enum wrap_state state = bek_wrap_state(s, hint ? hint->kek_url : NULL, &kek);
	int rc;

	bytes = decode_value(s->value);
	if (!bytes) {
		error_set(err, EBADMSG, "the secret's value is not base64");
		error_object(err, "%s", *s->url ? s->url : s->name);
		return -EBADMSG;
	}
	if (state == BEK_PLAIN) {
		plain = TAKE(bytes);
		rc = audit_note(audit, "get-secret", *s->url ? s->url : s->name, NULL, 0);
		if (rc)
			return error_set(err, -rc, "the audit line could not be kept, so no key is handed out");
	} else {
		rc = unwrap(stores, s, kek, hint ? hint->algorithm : NULL, bytes, audit, &plain, err);
		if (rc)
			return rc;
	}
	rc = check_is_key(s, plain, err);
	if (rc)
		error_object(err, "%s", *s->url ? s->url : s->name);
	else
		*out = TAKE(plain);
	return rc;
}

static void warn_of_expiry(const struct keystore_secret *s, struct error *warning)
{
	if (!s->expires || s->expires > (int64_t)time(NULL))
		return;
	error_set(warning, EKEYREJECTED, "the secret has expired; it still opened");
	error_object(warning, "%s", s->name);
	error_next(warning, "renew it before somebody removes it");
}

static int get_newest(struct keystores *stores, const struct key_ref *ref, struct keystore_secret *out,
		      struct error *warning)
{
	struct key_ref newest = *ref;
	int rc;

	newest.version[0] = '\0';
	rc = *ref->version ? keystores_get(stores, &newest, out, NULL) : -ENOENT;
	if (rc)
		return -ENOENT;
	error_set(warning, ENOENT, "the version %s of the secret is gone; the newest is tried", ref->version);
	error_object(warning, "%s", ref->name);
	return 0;
}

/* From a store, else the copy that came with the settings, else a later version. */
static int get_secret(struct keystores *stores, const struct key_ref *ref, const struct bek_hint *hint,
		      struct keystore_secret *out, struct error *err, struct error *warning)
{
	int rc = keystores_get(stores, ref, out, err);

	if (rc == -ENOENT && (!hint || !hint->secret_data) && get_newest(stores, ref, out, warning) == 0) {
		error_clear(err);
		return 0;
	}
	if (rc != -ENOENT || !hint || !hint->secret_data)
		return rc;
	keystore_secret_clear(out);
	memcpy(out->name, ref->name, sizeof(out->name));
	memcpy(out->version, ref->version, sizeof(out->version));
	out->enabled = true;
	out->value = secret_copy(hint->secret_data, strlen(hint->secret_data));
	return out->value ? 0 : error_set(err, ENOMEM, "no memory");
}

/* As the store names the secret, else as whoever asked for it did. */
static const char *url_of(const struct keystore_secret *s, const struct bek_hint *hint)
{
	const char *asked = hint && hint->secret_url ? hint->secret_url : "";

	return s->url[0] ? s->url : strstr(asked, "://") ? asked : "";
}

static int note_wrapped(const struct keystore_secret *s, const struct bek_hint *hint, struct key_origin *o)
{
	const char *kek, *tag = keystore_secret_tag(s, TAG_ALGORITHM);
	AUTO(secret_free) struct secret *text = NULL;

	if (bek_wrap_state(s, hint ? hint->kek_url : NULL, &kek) != BEK_WRAPPED)
		return 0;
	if (strlen(kek) >= sizeof(o->kek_url))
		return -ENAMETOOLONG;
	o->wrapped = true;
	snprintf(o->kek_url, sizeof(o->kek_url), "%s", kek);
	snprintf(o->algorithm, sizeof(o->algorithm), "%s",
		 hint && hint->algorithm ? hint->algorithm : tag ? tag : "RSA-OAEP");
	text = value_text(s->value);
	o->value = text ? strndup((const char *)secret_bytes(text), secret_len(text)) : NULL;
	return o->value ? 0 : -ENOMEM;
}

/* What a point keeps of it beside the key. */
static int note_origin(const struct keystore_secret *s, const struct bek_hint *hint, struct keyring *ring,
		       struct error *err)
{
	AUTO(key_origin_free) struct key_origin *o = key_origin_new();
	const char *url = url_of(s, hint);
	int rc = o ? note_wrapped(s, hint, o) : -ENOMEM;

	if (!rc && s->tags && !(o->tags = jval_copy(s->tags)))
		rc = -ENOMEM;
	if (rc)
		return error_set(err, -rc, "the secret's origin cannot be noted: %s", strerror(-rc));
	if (*url)
		keyring_set_secret_url(ring, url);
	snprintf(o->content_type, sizeof(o->content_type), "%s", s->content_type);
	if (*url)
		snprintf(o->secret_url, sizeof(o->secret_url), "%.511s", url);
	else
		snprintf(o->secret_url, sizeof(o->secret_url), "%s%s%s", s->name, *s->version ? "/" : "", s->version);
	keyring_set_origin(ring, TAKE(o));
	return 0;
}

static int open_and_add(struct keystores *stores, const struct key_ref *ref,
			const struct bek_hint *hint, struct audit *audit, struct keyring *ring,
			struct error *err, struct error *warning)
{
	AUTO(keystore_secret_clear) struct keystore_secret s = { .name = "" };
	AUTO(secret_free) struct secret *bytes = NULL;
	const char *file;
	char name[256];
	int rc = get_secret(stores, ref, hint, &s, err, warning);

	if (!rc && s.managed) {
		error_set(err, ENOTSUP, "the secret belongs to a certificate; ADE does not support that");
		error_object(err, "%s", s.name);
		rc = -ENOTSUP;
	}
	if (!rc)
		rc = bek_open(stores, &s, hint, audit, &bytes, err);
	if (rc)
		return rc;
	warn_of_expiry(&s, warning);
	file = keystore_secret_tag(&s, TAG_FILE_NAME);
	snprintf(name, sizeof(name), "secret %.100s (%.100s)", s.name, file ? file : "no file name");
	rc = keyring_add_secret(ring, KEY_PASSPHRASE, name, TAKE(bytes), err);
	if (rc)
		return rc;
	return note_origin(&s, hint, ring, err);
}

int bek_fetch(struct keystores *stores, const struct bek_hint *hint, struct audit *audit,
	      struct keyring *ring, struct error *err, struct error *warning)
{
	struct key_ref ref;
	int rc = key_ref_parse(hint->secret_url, "secrets", &ref, err);

	return rc ? rc : open_and_add(stores, &ref, hint, audit, ring, err, warning);
}

struct candidates {
	struct key_ref *ref;
	size_t n, max;
	const char *machine;		/* NULL: of any */
	bool of_machine;		/* those that are here are its own */
};

/* Its own secrets push out the others. */
static bool is_wanted(struct candidates *c, const struct keystore_secret *s)
{
	const char *tag = keystore_secret_tag(s, TAG_MACHINE);
	bool own = c->machine && tag && !strcasecmp(tag, c->machine);

	if (own && !c->of_machine)
		c->n = 0;
	c->of_machine |= own;
	return own || !c->of_machine;
}

static int collect(void *arg, const struct keystore_secret *s)
{
	struct candidates *c = arg;
	struct key_ref *r;

	if (!bek_is_candidate(s) || !s->enabled || !is_wanted(c, s) || c->n == c->max)
		return 0;
	r = reallocarray(c->ref, c->n + 1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	c->ref = r;
	r = &c->ref[c->n++];
	memset(r, 0, sizeof(*r));
	memcpy(r->name, s->name, sizeof(r->name));
	memcpy(r->version, s->version, sizeof(r->version));
	if (*s->url)
		key_ref_parse(s->url, "secrets", r, NULL);
	return 0;
}

int bek_fetch_candidates(struct keystores *stores, const char *machine, size_t max, struct audit *audit,
			 struct keyring *ring, struct error *err, struct error *warning)
{
	struct candidates c = { .max = max, .machine = machine && *machine ? machine : NULL };
	struct error first = ERROR_INIT, now = ERROR_INIT;
	size_t opened = 0;
	int rc = keystores_list(stores, collect, &c, err);

	for (size_t i = 0; !rc && i < c.n; i++) {
		if (open_and_add(stores, &c.ref[i], NULL, audit, ring, &now, warning) == 0)
			opened++;
		else if (!first.code)
			first = now;
	}
	free(c.ref);
	if (!rc && !opened && first.code) {
		error_copy(err, &first);
		return -first.code;
	}
	if (first.code && warning && !warning->code)
		error_copy(warning, &first);
	return rc;
}
