/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RSA keys and the three ways in which Azure Disk Encryption wraps a BEK with
 * one: RSA-OAEP (SHA-1, MGF1 with SHA-1, empty label), RSA-OAEP-256 (the same
 * with SHA-256) and RSA1_5 (RFC 8017, sections 7.1 and 7.2).  Also used for
 * key slots of the vault, and to sign client assertions.
 * A key is immutable and may be used by many threads at once.
 */
#ifndef ADE_CRYPTO_KEYWRAP_H
#define ADE_CRYPTO_KEYWRAP_H

#include "crypto/cleanup.h"
#include "crypto/error.h"
#include "crypto/secret.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RSA_MAX_BYTES 1024		/* modulus; keys from 2048 to 8192 bits are taken */
#define RSA_MAX_PEM (64 * 1024)

enum wrap_alg { WRAP_RSA_OAEP, WRAP_RSA_OAEP_256, WRAP_RSA1_5 };
#define WRAP_ALG_COUNT 3

/* Azure's names, in any case.  parse: 0 or -ENOTSUP. */
const char *wrap_alg_name(enum wrap_alg alg);
int wrap_alg_parse(const char *name, enum wrap_alg *out);

struct rsa_key;

/* A PEM private key (PKCS#8, encrypted or not, or traditional), else a public
 * key or certificate.  passphrase may be NULL.  NULL: EBADMSG (no key in it),
 * ENOKEY (encrypted and no passphrase), EKEYREJECTED (wrong passphrase),
 * ENOTSUP (not RSA, or a size outside the bounds), ENOMEM. */
struct rsa_key *rsa_key_from_pem(const void *pem, size_t len, const struct secret *passphrase,
				 struct error *err);
/* A public key from its big-endian modulus and exponent (a JSON Web Key). */
struct rsa_key *rsa_key_from_public(const uint8_t *n, size_t n_len, const uint8_t *e, size_t e_len,
				    struct error *err);
/* bits: 2048, 3072 or 4096.  Takes up to a few seconds. */
struct rsa_key *rsa_key_generate(unsigned bits, struct error *err);
/* A private key that stays in its PKCS#11 token: the handle that libp11 made
 * of it, taken in every case, and libp11's methods (PKCS11_pkey_meths).  OAEP
 * is asked of the token; where it does not take the parameters it does raw
 * RSA, and OpenSSL checks the padding in constant time.  Such a key only
 * unwraps, in one thread at a time; -EIO from it is the token's trouble. */
struct engine_st;
struct evp_pkey_st;
struct evp_pkey_method_st;
typedef int token_methods_fn(struct engine_st *e, struct evp_pkey_method_st **method, const int **nids, int nid);
struct rsa_key *rsa_key_from_token(struct evp_pkey_st *pkey_taken, token_methods_fn *methods,
				   struct error *err);
/* A key of its own that holds the public half alone.  NULL: ENOMEM. */
struct rsa_key *rsa_key_public_half(const struct rsa_key *k, struct error *err);
void rsa_key_free(struct rsa_key *k);

bool rsa_key_is_private(const struct rsa_key *k);
size_t rsa_key_bytes(const struct rsa_key *k);			/* of the modulus */
/* SHA-256 of the public key's DER form (SubjectPublicKeyInfo): the same for
 * both halves of a pair. */
int rsa_key_fingerprint(const struct rsa_key *k, uint8_t out[32]);
/* Big-endian numbers without leading zeros; out holds RSA_MAX_BYTES.  Returns
 * the length, 0 on failure. */
size_t rsa_key_modulus(const struct rsa_key *k, uint8_t *out);
size_t rsa_key_exponent(const struct rsa_key *k, uint8_t *out);
/* PKCS#8 PEM of the private key; NULL: no private half, or no memory. */
struct secret *rsa_key_private_pem(const struct rsa_key *k);
char *rsa_key_public_pem(const struct rsa_key *k);		/* malloc'ed */

/* Wrap: out holds RSA_MAX_BYTES; *out_len = rsa_key_bytes().
 * 0, -EMSGSIZE (too long for this key and algorithm), -EIO. */
int rsa_key_wrap(const struct rsa_key *k, enum wrap_alg alg, const void *in, size_t len,
		 uint8_t *out, size_t *out_len, struct error *err);
/* Unwrap.  0 with *out owned by the caller; -EKEYREJECTED: this key or
 * algorithm does not open it (one answer for every cause, so that nothing is
 * learnt of the padding); -ENOKEY: only the public half is here; -ENOMEM. */
int rsa_key_unwrap(const struct rsa_key *k, enum wrap_alg alg, const void *in, size_t len,
		   struct secret **out, struct error *err);

/* Take OAEP padding off what a token's raw RSA gave (em_len = modulus bytes).
 * Constant time; OAEP algorithms only.  0, -EKEYREJECTED, -ENOTSUP, -ENOMEM. */
int keywrap_oaep_unpad(enum wrap_alg alg, const uint8_t *em, size_t em_len, struct secret **out);

/* RS256 (RSASSA-PKCS1-v1_5 with SHA-256); out holds RSA_MAX_BYTES.  0 or -EIO. */
int rsa_key_sign_rs256(const struct rsa_key *k, const void *data, size_t len, uint8_t *out,
		       size_t *out_len);
/* Thumbprints of the first certificate of a PEM file.  0 or -EBADMSG. */
int cert_thumbprints(const void *pem, size_t len, uint8_t sha1[20], uint8_t sha256_out[32]);

DEFINE_CLEANUP(struct rsa_key *, rsa_key_free);

#endif
