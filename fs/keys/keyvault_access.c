/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/keys/keyvault_access.h"
#include "crypto/base64.h"
#include "fs/keys/bek_fetch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

const struct access_def access_defs[N_ACCESS] = {
	[ACCESS_SECRET_GET] = { "secrets", "get", true },
	[ACCESS_SECRET_LIST] = { "secrets", "list", false },
	[ACCESS_SECRET_BACKUP] = { "secrets", "backup", false },
	[ACCESS_KEY_GET] = { "keys", "get", true },
	[ACCESS_KEY_UNWRAP] = { "keys", "unwrapKey", true },
	[ACCESS_KEY_LIST] = { "keys", "list", false },
	[ACCESS_KEY_BACKUP] = { "keys", "backup", false },
};

static void take_refusal(struct keyvault_access *a, enum access_id id, const char *code)
{
	a->state[id] = ACCESS_MISSING;
	if (access_defs[id].needed || !a->code[0])
		snprintf(a->code, sizeof(a->code), "%s", code);
	a->by_role = a->by_role || !strcmp(code, "ForbiddenByRbac");
	a->by_firewall = a->by_firewall || !strcmp(code, "ForbiddenByFirewall");
}

/* A 400 or 404 comes after the permission was looked at: then it is granted. */
static int ask(struct keyvault *kv, enum access_id id, const char *method, const char *path, const struct jval *body,
	       struct keyvault_access *a, struct jval **out, struct error *err)
{
	AUTO(jval_free) struct jval *v = NULL;
	struct error why = ERROR_INIT;
	char code[64] = "";
	int rc = keyvault_try(kv, method, path, body, &v, code, &why);

	if (strstr(code, "Disabled")) {
		snprintf(a->trouble, sizeof(a->trouble), "%.150s: %.40s", path, code);
		code[0] = '\0';
		rc = -ENOENT;
	} else if (rc == -ENOENT && !a->trouble[0]) {
		snprintf(a->trouble, sizeof(a->trouble), "%.150s: not there", path);
	}
	if (code[0]) {
		take_refusal(a, id, code);
		return 0;
	}
	if (rc == -EACCES || rc == -EHOSTUNREACH || rc == -ETIMEDOUT || rc == -ENOMEM || rc == -EINVAL) {
		error_copy(err, &why);
		return rc;
	}
	if (a->state[id] != ACCESS_MISSING)
		a->state[id] = ACCESS_GRANTED;
	if (out)
		*out = TAKE(v);
	return 0;
}

static void learn_kek(const struct jval *secret, char kek_url[512])
{
	const char *url = jval_get_text(jval_get_ci(secret, "tags"), TAG_KEK_URL);

	if (url && strlen(url) < 512)
		snprintf(kek_url, 512, "%s", url);
}

static bool is_certificates(const struct jval *bundle)
{
	const char *type = jval_get_text(bundle, "contentType");

	return jval_bool(jval_get_ci(bundle, "managed"), false) || jval_get_text(bundle, "kid") ||
	       (type && (!strcasecmp(type, "application/x-pkcs12") || !strcasecmp(type, "application/x-pem-file")));
}

int keyvault_access_secret(struct keyvault *kv, const struct key_ref *ref, struct keyvault_access *a,
			   char kek_url[512], struct error *err)
{
	AUTO(jval_free) struct jval *secret = NULL;
	char path[300];
	int rc;

	kek_url[0] = '\0';
	snprintf(path, sizeof(path), "/secrets/%s/%s", ref->name, ref->version);
	rc = ask(kv, ACCESS_SECRET_GET, "GET", path, NULL, a, &secret, err);
	learn_kek(secret, kek_url);
	a->certificate = a->certificate || is_certificates(secret);
	if (!rc && a->state[ACCESS_SECRET_LIST] == ACCESS_NOT_ASKED)
		rc = ask(kv, ACCESS_SECRET_LIST, "GET", "/secrets?maxresults=1", NULL, a, NULL, err);
	snprintf(path, sizeof(path), "/secrets/%s/backup", ref->name);
	return rc ? rc : ask(kv, ACCESS_SECRET_BACKUP, "POST", path, NULL, a, NULL, err);
}

/* Something that no key unwraps: whoever may not try gets 403, whoever may, 400. */
static struct jval *nothing_wrapped(void)
{
	AUTO(jval_free) struct jval *body = jval_object();
	uint8_t junk[256];
	char text[BASE64_CHARS(sizeof(junk)) + 1];

	memset(junk, 0x5a, sizeof(junk));
	base64_encode(junk, sizeof(junk), BASE64_URL, text);
	return jval_set_text(body, "alg", "RSA-OAEP") < 0 || jval_set_text(body, "value", text) < 0 ? NULL : TAKE(body);
}

int keyvault_access_key(struct keyvault *kv, const struct key_ref *ref, struct keyvault_access *a, struct error *err)
{
	AUTO(jval_free) struct jval *body = nothing_wrapped(), *key = NULL;
	char path[300];
	int rc;

	if (!body)
		return error_set(err, ENOMEM, "no memory");
	snprintf(path, sizeof(path), "/keys/%s/%s", ref->name, ref->version);
	rc = ask(kv, ACCESS_KEY_GET, "GET", path, NULL, a, &key, err);
	a->certificate = a->certificate || jval_bool(jval_get_ci(key, "managed"), false);
	snprintf(path, sizeof(path), "/keys/%s/%s%sunwrapkey", ref->name, ref->version, *ref->version ? "/" : "");
	rc = rc ? rc : ask(kv, ACCESS_KEY_UNWRAP, "POST", path, body, a, NULL, err);
	if (!rc && a->state[ACCESS_KEY_LIST] == ACCESS_NOT_ASKED)
		rc = ask(kv, ACCESS_KEY_LIST, "GET", "/keys?maxresults=1", NULL, a, NULL, err);
	snprintf(path, sizeof(path), "/keys/%s/backup", ref->name);
	return rc ? rc : ask(kv, ACCESS_KEY_BACKUP, "POST", path, NULL, a, NULL, err);
}

bool keyvault_access_lacks(const struct keyvault_access *a)
{
	for (int i = 0; i < N_ACCESS; i++)
		if (access_defs[i].needed && a->state[i] == ACCESS_MISSING)
			return true;
	return false;
}

/* What a guest's token says: acct 1, or a user name of another directory. */
static bool is_guest(const struct jval *claims, const char *user)
{
	int64_t acct = 0;

	return (jval_i64(jval_get(claims, "acct"), &acct) && acct == 1) || (user && strstr(user, "#EXT#"));
}

static void read_claims(const struct jval *claims, struct keyvault_identity *out)
{
	const char *oid = jval_text(jval_get(claims, "oid")), *user = jval_text(jval_get(claims, "upn"));
	const char *app = jval_text(jval_get(claims, "appid")), *type = jval_text(jval_get(claims, "idtyp"));

	if (!user)
		user = jval_text(jval_get(claims, "unique_name"));
	if (!app)
		app = jval_text(jval_get(claims, "azp"));
	out->user = user || (type && !strcmp(type, "user"));
	out->guest = out->user && is_guest(claims, user);
	snprintf(out->object_id, sizeof(out->object_id), "%.63s", oid ? oid : "");
	snprintf(out->name, sizeof(out->name), "%.127s", user ? user : app ? app : "");
}

void keyvault_identity_read(const char *token, size_t len, struct keyvault_identity *out)
{
	const char *end = token + len, *first = memchr(token, '.', len), *dot;
	AUTO(secret_free) struct secret *text = NULL;
	AUTO(jval_free) struct jval *claims = NULL;

	memset(out, 0, sizeof(*out));
	if (!first || !(dot = memchr(first + 1, '.', (size_t)(end - first - 1))))
		return;
	text = base64_decode_secret(first + 1, (size_t)(dot - first - 1));
	claims = text ? jval_parse(secret_bytes(text), secret_len(text), NULL) : NULL;
	if (jval_is_object(claims))
		read_claims(claims, out);
}

void keyvault_whoami(struct keyvault *kv, struct keyvault_identity *out)
{
	AUTO(secret_free) struct secret *token = keyvault_token(kv);

	memset(out, 0, sizeof(*out));
	if (token)
		keyvault_identity_read((const char *)secret_bytes(token), secret_len(token), out);
}
