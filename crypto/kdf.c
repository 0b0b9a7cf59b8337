/* SPDX-License-Identifier: Apache-2.0 */
#define OPENSSL_SUPPRESS_DEPRECATED	/* SHA256_Update: EVP doubles the cost of a million short hashes */
#include "crypto/kdf.h"
#include "crypto/bytes.h"
#include "crypto/hash.h"

#include <argon2.h>
#include <errno.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/sha.h>

DEFINE_CLEANUP(EVP_KDF *, EVP_KDF_free);
DEFINE_CLEANUP(EVP_KDF_CTX *, EVP_KDF_CTX_free);

int hkdf_sha256(const void *key, size_t key_len, const void *salt, size_t salt_len,
		const void *info, size_t info_len, uint8_t *out, size_t out_len)
{
	AUTO(EVP_KDF_free) EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	AUTO(EVP_KDF_CTX_free) EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char[]){ "SHA256" }, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)key, key_len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)salt, salt_len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info, info_len),
		OSSL_PARAM_construct_end(),
	};

	return ctx && EVP_KDF_derive(ctx, out, out_len, params) == 1 ? 0 : -EIO;
}

int kdf_pbkdf2(const char *digest, const void *pass, size_t pass_len, const void *salt,
	       size_t salt_len, uint32_t iterations, uint8_t *out, size_t out_len)
{
	EVP_MD *md;
	int ok;

	if (!iterations || iterations > INT_MAX || pass_len > INT_MAX || salt_len > INT_MAX ||
	    out_len > INT_MAX)
		return -EINVAL;
	md = EVP_MD_fetch(NULL, digest, NULL);
	if (!md)
		return -ENOTSUP;
	ok = PKCS5_PBKDF2_HMAC(pass, (int)pass_len, salt, (int)salt_len, (int)iterations, md,
			       (int)out_len, out);
	EVP_MD_free(md);
	return ok == 1 ? 0 : -EIO;
}

int kdf_argon2(enum argon2_kind kind, const void *pass, size_t pass_len, const void *salt,
	       size_t salt_len, uint32_t iterations, uint32_t memory_kib, uint32_t lanes,
	       uint8_t *out, size_t out_len)
{
	argon2_context ctx = {
		.out = out, .outlen = (uint32_t)out_len,
		.pwd = (uint8_t *)pass, .pwdlen = (uint32_t)pass_len,
		.salt = (uint8_t *)salt, .saltlen = (uint32_t)salt_len,
		.t_cost = iterations, .m_cost = memory_kib, .lanes = lanes, .threads = lanes,
		.version = ARGON2_VERSION_13, .flags = ARGON2_DEFAULT_FLAGS,
	};
	int rc;

	if (out_len > UINT32_MAX || pass_len > UINT32_MAX || salt_len > UINT32_MAX)
		return -EINVAL;
	rc = argon2_ctx(&ctx, kind == ARGON2I ? Argon2_i : Argon2_id);
	if (rc == ARGON2_MEMORY_ALLOCATION_ERROR)
		return -ENOMEM;
	return rc == ARGON2_OK ? 0 : -EINVAL;
}

int kdf_bitlocker_stretch(const uint8_t initial[32], const uint8_t salt[16], uint8_t out[32])
{
	uint8_t block[88] = { 0 };	/* last 32 | initial 32 | salt 16 | count 8 */
	SHA256_CTX ctx;
	int ok = 1;

	memcpy(block + 32, initial, 32);
	memcpy(block + 64, salt, 16);
	for (uint64_t count = 0; ok && count < 0x100000; count++) {
		put_le64(block + 80, count);
		ok = SHA256_Init(&ctx) && SHA256_Update(&ctx, block, sizeof(block)) &&
		     SHA256_Final(block, &ctx);
	}
	memcpy(out, block, 32);
	wipe(block, sizeof(block));
	wipe(&ctx, sizeof(ctx));
	return ok ? 0 : -EIO;
}
