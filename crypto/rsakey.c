/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/rsakey.h"
#include "crypto/hash.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

DEFINE_CLEANUP(BIO *, BIO_free_all);
DEFINE_CLEANUP(BIGNUM *, BN_free);
DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free);
DEFINE_CLEANUP(EVP_PKEY_CTX *, EVP_PKEY_CTX_free);
DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free);
DEFINE_CLEANUP(OSSL_PARAM_BLD *, OSSL_PARAM_BLD_free);
DEFINE_CLEANUP(OSSL_PARAM *, OSSL_PARAM_free);
DEFINE_CLEANUP(X509 *, X509_free);

/* What the PEM reader asks back for a passphrase. */
struct ask {
	const struct secret *pass;
	bool asked;
};

static int give_passphrase(char *buf, int size, int rwflag, void *arg)
{
	struct ask *a = arg;
	size_t n = a->pass ? secret_len(a->pass) : 0;

	(void)rwflag;
	a->asked = true;
	if (!n || n > (size_t)size)
		return -1;
	memcpy(buf, secret_bytes(a->pass), n);
	return (int)n;
}

struct rsa_key *rsa_key_of(EVP_PKEY *pkey, bool is_private, struct error *err)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *key = pkey;
	struct rsa_key *k;
	int bits;

	if (!EVP_PKEY_is_a(key, "RSA"))
		return error_null(err, ENOTSUP, "the key is not an RSA key");
	bits = EVP_PKEY_get_bits(key);
	if (bits < 2048 || bits > RSA_MAX_BYTES * 8)
		return error_null(err, ENOTSUP, "an RSA key of %d bits is not supported", bits);
	k = calloc(1, sizeof(*k));
	if (!k)
		return error_null(err, ENOMEM, "no memory");
	k->pkey = TAKE(key);
	k->is_private = is_private;
	return k;
}

static EVP_PKEY *read_public(const void *pem, size_t len)
{
	AUTO(BIO_free_all) BIO *b = BIO_new_mem_buf(pem, (int)len);
	AUTO(X509_free) X509 *cert = NULL;
	EVP_PKEY *p = b ? PEM_read_bio_PUBKEY(b, NULL, NULL, NULL) : NULL;

	if (p || !b || BIO_reset(b) != 1)
		return p;
	cert = PEM_read_bio_X509(b, NULL, NULL, NULL);
	return cert ? X509_get_pubkey(cert) : NULL;
}

struct rsa_key *rsa_key_from_pem(const void *pem, size_t len, const struct secret *passphrase,
				 struct error *err)
{
	AUTO(BIO_free_all) BIO *b = NULL;
	struct ask ask = { .pass = passphrase };
	EVP_PKEY *p;
	bool is_private;

	if (len > RSA_MAX_PEM)
		return error_null(err, EBADMSG, "too large for a PEM key");
	b = BIO_new_mem_buf(pem, (int)len);
	if (!b)
		return error_null(err, ENOMEM, "no memory");
	p = PEM_read_bio_PrivateKey(b, NULL, give_passphrase, &ask);
	is_private = p != NULL;
	if (!p && !ask.asked)
		p = read_public(pem, len);
	ERR_clear_error();
	if (p)
		return rsa_key_of(p, is_private, err);
	if (!ask.asked)
		return error_null(err, EBADMSG, "no RSA key in PEM form");
	if (!passphrase)
		return error_null(err, ENOKEY, "the PEM key is encrypted and no passphrase is given");
	return error_null(err, EKEYREJECTED, "the passphrase does not open the PEM key");
}

static OSSL_PARAM *public_params(const uint8_t *n, size_t n_len, const uint8_t *e, size_t e_len)
{
	AUTO(OSSL_PARAM_BLD_free) OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	AUTO(BN_free) BIGNUM *bn = BN_bin2bn(n, (int)n_len, NULL);
	AUTO(BN_free) BIGNUM *be = BN_bin2bn(e, (int)e_len, NULL);

	if (!bld || !bn || !be || OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, bn) != 1 ||
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, be) != 1)
		return NULL;
	return OSSL_PARAM_BLD_to_param(bld);
}

struct rsa_key *rsa_key_from_public(const uint8_t *n, size_t n_len, const uint8_t *e, size_t e_len,
				    struct error *err)
{
	AUTO(OSSL_PARAM_free) OSSL_PARAM *params = NULL;
	AUTO(EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = NULL;
	EVP_PKEY *p = NULL;

	if (n_len > RSA_MAX_BYTES + 1 || e_len > 8 || !n_len || !e_len)
		return error_null(err, ENOTSUP, "the public key's numbers have unusual sizes");
	params = public_params(n, n_len, e, e_len);
	ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &p, EVP_PKEY_PUBLIC_KEY, params) != 1) {
		ERR_clear_error();
		return error_null(err, EBADMSG, "not the numbers of an RSA public key");
	}
	return rsa_key_of(p, false, err);
}

struct rsa_key *rsa_key_public_half(const struct rsa_key *k, struct error *err)
{
	uint8_t n[RSA_MAX_BYTES], e[RSA_MAX_BYTES];
	size_t n_len = rsa_key_modulus(k, n), e_len = rsa_key_exponent(k, e);

	return rsa_key_from_public(n, n_len, e, e_len, err);
}

struct rsa_key *rsa_key_generate(unsigned bits, struct error *err)
{
	EVP_PKEY *p;

	if (bits != 2048 && bits != 3072 && bits != 4096)
		return error_null(err, EINVAL, "RSA keys are made with 2048, 3072 or 4096 bits");
	p = EVP_RSA_gen(bits);
	if (!p) {
		ERR_clear_error();
		return error_null(err, EIO, "OpenSSL could not make an RSA key");
	}
	return rsa_key_of(p, true, err);
}

void rsa_key_free(struct rsa_key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->pkey);
	rsa_key_release_engine(k);
	free(k);
}

bool rsa_key_is_private(const struct rsa_key *k)
{
	return k->is_private;
}

size_t rsa_key_bytes(const struct rsa_key *k)
{
	return (size_t)EVP_PKEY_get_size(k->pkey);
}

int rsa_key_fingerprint(const struct rsa_key *k, uint8_t out[32])
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(k->pkey, &der), rc;

	if (len <= 0)
		return -EIO;
	rc = sha256(der, (size_t)len, out);
	OPENSSL_free(der);
	return rc;
}

static size_t number(const struct rsa_key *k, const char *which, uint8_t *out)
{
	AUTO(BN_free) BIGNUM *bn = NULL;

	if (EVP_PKEY_get_bn_param(k->pkey, which, &bn) != 1 || BN_num_bytes(bn) > RSA_MAX_BYTES)
		return 0;
	return (size_t)BN_bn2bin(bn, out);
}

size_t rsa_key_modulus(const struct rsa_key *k, uint8_t *out)
{
	return number(k, OSSL_PKEY_PARAM_RSA_N, out);
}

size_t rsa_key_exponent(const struct rsa_key *k, uint8_t *out)
{
	return number(k, OSSL_PKEY_PARAM_RSA_E, out);
}

struct secret *rsa_key_private_pem(const struct rsa_key *k)
{
	AUTO(BIO_free_all) BIO *b = BIO_new(BIO_s_secmem());
	char *text;
	long len;

	if (!b || !k->is_private ||
	    PEM_write_bio_PKCS8PrivateKey(b, k->pkey, NULL, NULL, 0, NULL, NULL) != 1)
		return NULL;
	len = BIO_get_mem_data(b, &text);
	return len > 0 ? secret_copy(text, (size_t)len) : NULL;
}

char *rsa_key_public_pem(const struct rsa_key *k)
{
	AUTO(BIO_free_all) BIO *b = BIO_new(BIO_s_mem());
	char *text;
	long len;

	if (!b || PEM_write_bio_PUBKEY(b, k->pkey) != 1)
		return NULL;
	len = BIO_get_mem_data(b, &text);
	return len > 0 ? strndup(text, (size_t)len) : NULL;
}

int rsa_key_sign_rs256(const struct rsa_key *k, const void *data, size_t len, uint8_t *out,
		       size_t *out_len)
{
	AUTO(EVP_MD_CTX_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	*out_len = RSA_MAX_BYTES;
	if (!ctx || EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, k->pkey) != 1 ||
	    EVP_DigestSign(ctx, out, out_len, data, len) != 1) {
		ERR_clear_error();
		return -EIO;
	}
	return 0;
}

int cert_thumbprints(const void *pem, size_t len, uint8_t sha1[20], uint8_t sha256_out[32])
{
	AUTO(BIO_free_all) BIO *b = NULL;
	AUTO(X509_free) X509 *cert = NULL;
	unsigned n;

	if (len > RSA_MAX_PEM)
		return -EBADMSG;
	b = BIO_new_mem_buf(pem, (int)len);
	cert = b ? PEM_read_bio_X509(b, NULL, NULL, NULL) : NULL;
	ERR_clear_error();
	if (!cert || X509_digest(cert, EVP_sha1(), sha1, &n) != 1 ||
	    X509_digest(cert, EVP_sha256(), sha256_out, &n) != 1)
		return -EBADMSG;
	return 0;
}
