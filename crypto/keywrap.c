/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL 3.0 has no other door to its constant-time OAEP check. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/keywrap.h"
#include "crypto/rsakey.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <strings.h>

DEFINE_CLEANUP(EVP_PKEY_CTX *, EVP_PKEY_CTX_free);

static const struct {
	const char *name;
	int padding;
	const EVP_MD *(*md)(void);
} algs[WRAP_ALG_COUNT] = {
	[WRAP_RSA_OAEP] = { "RSA-OAEP", RSA_PKCS1_OAEP_PADDING, EVP_sha1 },
	[WRAP_RSA_OAEP_256] = { "RSA-OAEP-256", RSA_PKCS1_OAEP_PADDING, EVP_sha256 },
	[WRAP_RSA1_5] = { "RSA1_5", RSA_PKCS1_PADDING, NULL },
};

const char *wrap_alg_name(enum wrap_alg alg)
{
	return (unsigned)alg < WRAP_ALG_COUNT ? algs[alg].name : "unknown";
}

int wrap_alg_parse(const char *name, enum wrap_alg *out)
{
	for (unsigned i = 0; i < WRAP_ALG_COUNT; i++) {
		if (!strcasecmp(name, algs[i].name)) {
			*out = i;
			return 0;
		}
	}
	return -ENOTSUP;
}

static int set_padding(EVP_PKEY_CTX *ctx, enum wrap_alg alg)
{
	if (EVP_PKEY_CTX_set_rsa_padding(ctx, algs[alg].padding) != 1)
		return -EIO;
	if (algs[alg].md && (EVP_PKEY_CTX_set_rsa_oaep_md(ctx, algs[alg].md()) != 1 ||
			     EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, algs[alg].md()) != 1))
		return -EIO;
	return 0;
}

static size_t capacity(const struct rsa_key *k, enum wrap_alg alg)
{
	size_t overhead = 11;

	if (algs[alg].md)
		overhead = 2 * (size_t)EVP_MD_get_size(algs[alg].md()) + 2;
	return rsa_key_bytes(k) - overhead;
}

int rsa_key_wrap(const struct rsa_key *k, enum wrap_alg alg, const void *in, size_t len,
		 uint8_t *out, size_t *out_len, struct error *err)
{
	AUTO(EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = NULL;

	if (len > capacity(k, alg))
		return error_set(err, EMSGSIZE,
				 "%zu bytes are too long for %s with a %zu-bit key (at most %zu)", len,
				 wrap_alg_name(alg), rsa_key_bytes(k) * 8, capacity(k, alg));
	ctx = EVP_PKEY_CTX_new(k->pkey, NULL);
	*out_len = RSA_MAX_BYTES;
	if (!ctx || EVP_PKEY_encrypt_init(ctx) != 1 || set_padding(ctx, alg) < 0 ||
	    EVP_PKEY_encrypt(ctx, out, out_len, in, len) != 1) {
		ERR_clear_error();
		return error_set(err, EIO, "OpenSSL could not wrap with %s", wrap_alg_name(alg));
	}
	return 0;
}

static int rejected(struct error *err, enum wrap_alg alg)
{
	ERR_clear_error();
	return error_set(err, EKEYREJECTED, "this RSA key does not unwrap it with %s",
			 wrap_alg_name(alg));
}

int rsa_key_unwrap(const struct rsa_key *k, enum wrap_alg alg, const void *in, size_t len,
		   struct secret **out, struct error *err)
{
	AUTO(EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = NULL;
	AUTO(secret_free) struct secret *s = NULL;
	size_t n = RSA_MAX_BYTES;

	if (!rsa_key_is_private(k))
		return error_set(err, ENOKEY, "only the public half of the RSA key is here");
	ctx = EVP_PKEY_CTX_new(k->pkey, k->engine);
	s = secret_new(RSA_MAX_BYTES);
	if (!ctx || !s)
		return error_set(err, ENOMEM, "no memory");
	if (len != rsa_key_bytes(k) || EVP_PKEY_decrypt_init(ctx) != 1 ||
	    set_padding(ctx, alg) < 0 ||
	    EVP_PKEY_decrypt(ctx, secret_data(s), &n, in, len) != 1) {
		if (k->engine && rsa_key_token_trouble(err))
			return -EIO;
		return rejected(err, alg);
	}
	secret_truncate(s, n);
	*out = TAKE(s);
	return 0;
}

int keywrap_oaep_unpad(enum wrap_alg alg, const uint8_t *em, size_t em_len, struct secret **out)
{
	AUTO(secret_free) struct secret *s = NULL;
	const EVP_MD *md;
	int n;

	if (!algs[alg].md)
		return -ENOTSUP;
	if (em_len > RSA_MAX_BYTES || em_len < 2)
		return -EKEYREJECTED;
	md = algs[alg].md();
	s = secret_new(em_len);
	if (!s)
		return -ENOMEM;
	n = RSA_padding_check_PKCS1_OAEP_mgf1(secret_data(s), (int)em_len, em, (int)em_len,
					      (int)em_len, NULL, 0, md, md);
	ERR_clear_error();
	if (n < 0)
		return -EKEYREJECTED;
	secret_truncate(s, (size_t)n);
	*out = TAKE(s);
	return 0;
}
