/* SPDX-License-Identifier: Apache-2.0 */
/* RSA keys that never leave their token: libp11's methods behind struct rsa_key. */
/* An engine is the one way in which OpenSSL 3.0 takes another's methods for one key. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/rsakey.h"

#include <errno.h>
#include <openssl/engine.h>
#include <openssl/err.h>

DEFINE_CLEANUP(ENGINE *, ENGINE_free);
DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free);

/* Answers of a token that say something of itself, not of the bytes (PKCS#11 v2.40, section 5.1).
 * Whatever else it answers is one with "this key does not open it". */
static const unsigned troubles[] = {
	0x002,	/* CKR_HOST_MEMORY */
	0x030,	/* CKR_DEVICE_ERROR */
	0x031,	/* CKR_DEVICE_MEMORY */
	0x032,	/* CKR_DEVICE_REMOVED */
	0x060,	/* CKR_KEY_HANDLE_INVALID */
	0x068,	/* CKR_KEY_FUNCTION_NOT_PERMITTED */
	0x0b0,	/* CKR_SESSION_CLOSED */
	0x0b3,	/* CKR_SESSION_HANDLE_INVALID */
	0x0e0,	/* CKR_TOKEN_NOT_PRESENT */
	0x101,	/* CKR_USER_NOT_LOGGED_IN */
};

int rsa_key_token_trouble(struct error *err)
{
	unsigned long e;

	while ((e = ERR_get_error())) {
		const char *words = ERR_reason_error_string(e);

		if (ERR_GET_LIB(e) < ERR_LIB_USER)
			continue;
		for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++)
			if ((unsigned)ERR_GET_REASON(e) == troubles[i]) {
				ERR_clear_error();
				error_set(err, EIO, "the token fails: %s", words ? words : "no reason given");
				error_next(err, "see that it is there and that the key may decrypt");
				return -EIO;
			}
	}
	return 0;
}

static ENGINE *make_engine(token_methods_fn *methods)
{
	AUTO(ENGINE_free) ENGINE *e = ENGINE_new();

	if (!e || ENGINE_set_id(e, "adebackup-token") != 1 || ENGINE_set_name(e, "a PKCS#11 token") != 1 ||
	    ENGINE_set_pkey_meths(e, methods) != 1)
		return NULL;
	return TAKE(e);
}

struct rsa_key *rsa_key_from_token(EVP_PKEY *pkey_taken, token_methods_fn *methods, struct error *err)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *pkey = pkey_taken;
	AUTO(ENGINE_free) ENGINE *engine = NULL;
	struct rsa_key *k;

	if (!pkey)
		return error_null(err, EIO, "the token does not hand out what describes the key");
	engine = make_engine(methods);
	k = engine ? rsa_key_of(TAKE(pkey), true, err) : error_null(err, ENOMEM, "no memory");
	if (k)
		k->engine = TAKE(engine);
	return k;
}

void rsa_key_release_engine(struct rsa_key *k)
{
	ENGINE_free(k->engine);
}
