/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/keys/keyvault_answer.h"
#include "crypto/base64.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define BASE64URL "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

int64_t keyvault_attribute(const struct jval *v, const char *name)
{
	int64_t n = 0;

	return jval_i64(jval_get_ci(jval_get_ci(v, "attributes"), name), &n) ? n : 0;
}

int keyvault_secret_read(const struct jval *v, struct keystore_secret *out, struct error *err)
{
	const char *id = jval_get_text(v, "id"), *type = jval_get_text(v, "contentType");
	struct jval *tags = jval_get_ci(v, "tags");
	struct key_ref ref;

	memset(out, 0, sizeof(*out));
	if (!id || key_ref_parse(id, "secrets", &ref, NULL) < 0)
		return error_set(err, EBADMSG, "the Key Vault's answer names no secret");
	memcpy(out->name, ref.name, sizeof(out->name));
	memcpy(out->version, ref.version, sizeof(out->version));
	snprintf(out->url, sizeof(out->url), "%s", id);
	snprintf(out->content_type, sizeof(out->content_type), "%s", type ? type : "");
	out->tags = jval_is_object(tags) ? jval_ref(tags) : NULL;
	out->enabled = jval_bool(jval_get_ci(jval_get_ci(v, "attributes"), "enabled"), true);
	out->managed = jval_bool(jval_get_ci(v, "managed"), false) || jval_get_text(v, "kid") ||
		       !strcasecmp(out->content_type, "application/x-pkcs12") ||
		       !strcasecmp(out->content_type, "application/x-pem-file");
	out->not_before = keyvault_attribute(v, "nbf");
	out->expires = keyvault_attribute(v, "exp");
	out->created = keyvault_attribute(v, "created");
	out->updated = keyvault_attribute(v, "updated");
	return 0;
}

int keyvault_value_read(const struct jval *v, struct secret **out, struct error *err)
{
	const char *value = jval_get_text(v, "value");

	if (!value)
		return error_set(err, EBADMSG, "the Key Vault's answer holds no value");
	*out = secret_copy(value, strlen(value));
	return *out ? 0 : error_set(err, ENOMEM, "no memory");
}

int keyvault_plain_read(const struct jval *v, struct secret **out, struct error *err)
{
	const char *value = jval_get_text(v, "value");

	*out = value ? base64_decode_secret(value, strlen(value)) : NULL;
	return *out ? 0 : error_set(err, EBADMSG, "the Key Vault's answer to unwrapkey is not understood");
}

/* The numbers of a JSON Web Key. */
static struct rsa_key *key_of(const struct jval *jwk, struct error *err)
{
	const char *kty = jval_get_text(jwk, "kty"), *n = jval_get_text(jwk, "n"), *e = jval_get_text(jwk, "e");
	uint8_t modulus[BASE64_BYTES(BASE64_CHARS(RSA_MAX_BYTES))], exponent[16];
	size_t n_len, e_len;

	if (kty && strncmp(kty, "RSA", 3))
		return error_null(err, ENOTSUP, "the key is no RSA key (%.20s)", kty);
	if (!n || !e || strlen(n) > BASE64_CHARS(RSA_MAX_BYTES) || strlen(e) > 12 ||
	    base64_decode(n, strlen(n), modulus, &n_len) < 0 || base64_decode(e, strlen(e), exponent, &e_len) < 0)
		return error_null(err, EBADMSG, "the Key Vault's answer holds no public key");
	return rsa_key_from_public(modulus, n_len, exponent, e_len, err);
}

int keyvault_key_read(const struct jval *v, struct key_ref *ref, struct rsa_key **out, struct error *err)
{
	const char *kid = jval_get_text(jval_get_ci(v, "key"), "kid");
	struct key_ref full;

	if (!kid || key_ref_parse(kid, "keys", &full, NULL) < 0 || strcasecmp(full.name, ref->name))
		return error_set(err, EBADMSG, "the Key Vault's answer names another key");
	*out = key_of(jval_get_ci(v, "key"), err);
	if (!*out)
		return err && err->code ? -err->code : -EBADMSG;
	memcpy(ref->version, full.version, sizeof(ref->version));
	return 0;
}

int keyvault_backup_read(const struct jval *v, struct secret **out, struct error *err)
{
	const char *value = jval_get_text(v, "value");

	if (!value || !*value || value[strspn(value, BASE64URL)])
		return error_set(err, EBADMSG, "the Key Vault's answer holds no backup");
	*out = secret_copy(value, strlen(value));
	return *out ? 0 : error_set(err, ENOMEM, "no memory");
}

const char *keyvault_error_code(const struct jval *v)
{
	const char *inner = jval_text(jval_path_ci(v, "error.innererror.code"));
	const char *outer = jval_text(jval_path_ci(v, "error.code"));

	return inner ? inner : outer ? outer : "";
}
