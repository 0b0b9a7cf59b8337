/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digests and HMAC over OpenSSL: SHA-256 in one call and step by step, HMAC
 * with a key schedule that is made once, digests by name for LUKS, and hex.
 */
#ifndef ADE_CRYPTO_HASH_H
#define ADE_CRYPTO_HASH_H

#include "crypto/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32
#define DIGEST_MAX_BYTES 64

/* 0 or -EIO (OpenSSL refused), -ENOMEM. */
int sha256(const void *data, size_t len, uint8_t out[SHA256_BYTES]);
int hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
		uint8_t out[SHA256_BYTES]);

/* Step by step.  One object belongs to one thread. */
struct sha256;
struct sha256 *sha256_new(void);			/* NULL: no memory */
void sha256_free(struct sha256 *h);
int sha256_reset(struct sha256 *h);
int sha256_update(struct sha256 *h, const void *data, size_t len);
int sha256_final(struct sha256 *h, uint8_t out[SHA256_BYTES]);	/* ready for reset */

/* HMAC-SHA-256 under one key, many messages.  One object belongs to one thread. */
struct hmac;
struct hmac *hmac_new(const void *key, size_t key_len);	/* NULL: no memory */
void hmac_free(struct hmac *h);
int hmac_once(struct hmac *h, const void *data, size_t len, uint8_t out[SHA256_BYTES]);

/* A digest by its LUKS name (sha1, sha256, sha512, ripemd160, …).
 * digest_size(): bytes, or 0 when it is not to be had. */
size_t digest_size(const char *name);
int digest_once(const char *name, const void *const part[], const size_t part_len[], size_t n_parts,
		uint8_t *out);				/* digest_size(name) bytes */

/* Lower-case hex; out holds 2 * len + 1. */
void hex_encode(const void *data, size_t len, char *out);
/* 0, or -EINVAL unless text is exactly 2 * len hex digits. */
int hex_decode(const char *text, void *out, size_t len);

DEFINE_CLEANUP(struct sha256 *, sha256_free);
DEFINE_CLEANUP(struct hmac *, hmac_free);

#endif
