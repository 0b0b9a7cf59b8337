/* SPDX-License-Identifier: Apache-2.0 */
/* What struct rsa_key is: shared by rsakey.c and keywrap.c, nobody else. */
#ifndef ADE_CRYPTO_RSAKEY_H
#define ADE_CRYPTO_RSAKEY_H

#include "crypto/keywrap.h"

#include <openssl/evp.h>

struct rsa_key {
	EVP_PKEY *pkey;
	bool is_private;
};

#endif
