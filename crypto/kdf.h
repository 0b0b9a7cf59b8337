/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys from keys and passwords: HKDF (RFC 5869), PBKDF2 (RFC 8018), Argon2
 * (RFC 9106, version 0x13; libargon2, since OpenSSL 3.0 has none), and
 * BitLocker's key stretch.
 */
#ifndef ADE_CRYPTO_KDF_H
#define ADE_CRYPTO_KDF_H

#include "crypto/secret.h"

#include <stddef.h>
#include <stdint.h>

/* HKDF-SHA-256, extract and expand.  out_len at most 8160.  0 or -EIO. */
int hkdf_sha256(const void *key, size_t key_len, const void *salt, size_t salt_len,
		const void *info, size_t info_len, uint8_t *out, size_t out_len);

/* PBKDF2 with HMAC of the named digest.  0, -ENOTSUP (no such digest), -EINVAL, -EIO. */
int kdf_pbkdf2(const char *digest, const void *pass, size_t pass_len, const void *salt,
	       size_t salt_len, uint32_t iterations, uint8_t *out, size_t out_len);

enum argon2_kind { ARGON2I, ARGON2ID };

/* memory in KiB.  The memory is wiped and given back before return.
 * 0, -ENOMEM, -EINVAL (parameters outside the RFC's bounds). */
int kdf_argon2(enum argon2_kind kind, const void *pass, size_t pass_len, const void *salt,
	       size_t salt_len, uint32_t iterations, uint32_t memory_kib, uint32_t lanes,
	       uint8_t *out, size_t out_len);

/* BitLocker: 0x100000 rounds of SHA-256 over {last, initial, salt, count}.
 * About a third of a second.  0 or -EIO. */
int kdf_bitlocker_stretch(const uint8_t initial[32], const uint8_t salt[16], uint8_t out[32]);

#endif
