/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authenticated encryption: AES-256-GCM for the vault and the key store,
 * AES-256-CCM as BitLocker uses it (12-byte nonce, 16-byte tag, no AAD).
 */
#ifndef ADE_CRYPTO_AEAD_H
#define ADE_CRYPTO_AEAD_H

#include "crypto/cleanup.h"
#include "crypto/secret.h"

#include <stddef.h>
#include <stdint.h>

#define GCM_KEY_BYTES 32
#define GCM_NONCE_BYTES 12
#define GCM_TAG_BYTES 16

/* AES-256-GCM under one key; the key schedule is made once.  One object
 * belongs to one thread.  in and out may be the same buffer. */
struct gcm;
struct gcm *gcm_new(const uint8_t key[GCM_KEY_BYTES]);	/* NULL: no memory */
void gcm_free(struct gcm *g);
int gcm_rekey(struct gcm *g, const uint8_t key[GCM_KEY_BYTES]);	/* 0 or -EIO */

/* A nonce must never be used twice under one key.  0 or -EIO. */
int gcm_seal(struct gcm *g, const uint8_t nonce[GCM_NONCE_BYTES], const void *aad, size_t aad_len,
	     const void *in, size_t len, void *out, uint8_t tag[GCM_TAG_BYTES]);
/* 0, or -EBADMSG: not what was sealed (out is wiped then). */
int gcm_open(struct gcm *g, const uint8_t nonce[GCM_NONCE_BYTES], const void *aad, size_t aad_len,
	     const void *in, size_t len, void *out, const uint8_t tag[GCM_TAG_BYTES]);

/* AES-256-CCM with a 12-byte nonce (L = 3), 16-byte tag, no AAD: BitLocker's
 * protected data.  open: 0, or -EKEYREJECTED when the tag does not fit. */
int ccm_open(const uint8_t key[32], const uint8_t nonce[12], const uint8_t tag[16],
	     const void *in, size_t len, void *out);
int ccm_seal(const uint8_t key[32], const uint8_t nonce[12], uint8_t tag[16],
	     const void *in, size_t len, void *out);

DEFINE_CLEANUP(struct gcm *, gcm_free);

#endif
