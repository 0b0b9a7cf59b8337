/* SPDX-License-Identifier: Apache-2.0 */
/* What struct rsa_key is: shared by rsakey.c, tokenkey.c and keywrap.c, nobody else. */
#ifndef ADE_CRYPTO_RSAKEY_H
#define ADE_CRYPTO_RSAKEY_H

#include "crypto/keywrap.h"

#include <openssl/engine.h>
#include <openssl/evp.h>

struct rsa_key {
	EVP_PKEY *pkey;
	bool is_private;
	ENGINE *engine;			/* whose methods decrypt; NULL: OpenSSL's */
};

/* A key of the allowed kind and sizes.  Takes pkey in every case. */
struct rsa_key *rsa_key_of(EVP_PKEY *pkey, bool is_private, struct error *err);

void rsa_key_release_engine(struct rsa_key *k);

/* Empties OpenSSL's queue: -EIO with words when the token itself is at fault, else 0. */
int rsa_key_token_trouble(struct error *err);

#endif
