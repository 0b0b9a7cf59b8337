/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/aead.h"

#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <string.h>

DEFINE_CLEANUP(EVP_CIPHER_CTX *, EVP_CIPHER_CTX_free);

struct gcm {
	EVP_CIPHER_CTX *seal, *open;
};

struct gcm *gcm_new(const uint8_t key[GCM_KEY_BYTES])
{
	struct gcm *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->seal = EVP_CIPHER_CTX_new();
	g->open = EVP_CIPHER_CTX_new();
	if (!g->seal || !g->open ||
	    EVP_EncryptInit_ex(g->seal, EVP_aes_256_gcm(), NULL, NULL, NULL) != 1 ||
	    EVP_DecryptInit_ex(g->open, EVP_aes_256_gcm(), NULL, NULL, NULL) != 1 ||
	    gcm_rekey(g, key) < 0) {
		gcm_free(g);
		return NULL;
	}
	return g;
}

void gcm_free(struct gcm *g)
{
	if (!g)
		return;
	EVP_CIPHER_CTX_free(g->seal);
	EVP_CIPHER_CTX_free(g->open);
	free(g);
}

int gcm_rekey(struct gcm *g, const uint8_t key[GCM_KEY_BYTES])
{
	if (EVP_EncryptInit_ex(g->seal, NULL, NULL, key, NULL) != 1 ||
	    EVP_DecryptInit_ex(g->open, NULL, NULL, key, NULL) != 1)
		return -EIO;
	return 0;
}

int gcm_seal(struct gcm *g, const uint8_t nonce[GCM_NONCE_BYTES], const void *aad, size_t aad_len,
	     const void *in, size_t len, void *out, uint8_t tag[GCM_TAG_BYTES])
{
	int n;

	if (len > INT_MAX || aad_len > INT_MAX ||
	    EVP_EncryptInit_ex(g->seal, NULL, NULL, NULL, nonce) != 1 ||
	    (aad_len && EVP_EncryptUpdate(g->seal, NULL, &n, aad, (int)aad_len) != 1) ||
	    (len && EVP_EncryptUpdate(g->seal, out, &n, in, (int)len) != 1) ||
	    EVP_EncryptFinal_ex(g->seal, (uint8_t *)out + len, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(g->seal, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_BYTES, tag) != 1)
		return -EIO;
	return 0;
}

int gcm_open(struct gcm *g, const uint8_t nonce[GCM_NONCE_BYTES], const void *aad, size_t aad_len,
	     const void *in, size_t len, void *out, const uint8_t tag[GCM_TAG_BYTES])
{
	uint8_t want[GCM_TAG_BYTES];
	int n;

	memcpy(want, tag, sizeof(want));
	if (len > INT_MAX || aad_len > INT_MAX ||
	    EVP_DecryptInit_ex(g->open, NULL, NULL, NULL, nonce) != 1 ||
	    (aad_len && EVP_DecryptUpdate(g->open, NULL, &n, aad, (int)aad_len) != 1) ||
	    (len && EVP_DecryptUpdate(g->open, out, &n, in, (int)len) != 1) ||
	    EVP_CIPHER_CTX_ctrl(g->open, EVP_CTRL_AEAD_SET_TAG, GCM_TAG_BYTES, want) != 1 ||
	    EVP_DecryptFinal_ex(g->open, (uint8_t *)out + len, &n) != 1) {
		wipe(out, len);
		return -EBADMSG;
	}
	return 0;
}

int ccm_open(const uint8_t key[32], const uint8_t nonce[12], const uint8_t tag[16],
	     const void *in, size_t len, void *out)
{
	AUTO(EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t want[16];
	int n;

	memcpy(want, tag, sizeof(want));
	if (!c)
		return -ENOMEM;
	if (len > INT_MAX || EVP_DecryptInit_ex(c, EVP_aes_256_ccm(), NULL, NULL, NULL) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_IVLEN, 12, NULL) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, 16, want) != 1 ||
	    EVP_DecryptInit_ex(c, NULL, NULL, key, nonce) != 1)
		return -EIO;
	if (EVP_DecryptUpdate(c, out, &n, in, (int)len) != 1) {
		wipe(out, len);
		return -EKEYREJECTED;
	}
	return 0;
}

int ccm_seal(const uint8_t key[32], const uint8_t nonce[12], uint8_t tag[16],
	     const void *in, size_t len, void *out)
{
	AUTO(EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n;

	if (!c)
		return -ENOMEM;
	if (len > INT_MAX || EVP_EncryptInit_ex(c, EVP_aes_256_ccm(), NULL, NULL, NULL) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_IVLEN, 12, NULL) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, 16, NULL) != 1 ||
	    EVP_EncryptInit_ex(c, NULL, NULL, key, nonce) != 1 ||
	    EVP_EncryptUpdate(c, NULL, &n, NULL, (int)len) != 1 ||
	    EVP_EncryptUpdate(c, out, &n, in, (int)len) != 1 ||
	    EVP_EncryptFinal_ex(c, (uint8_t *)out + n, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16, tag) != 1)
		return -EIO;
	return 0;
}
