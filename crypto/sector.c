/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/sector.h"
#include "crypto/bytes.h"
#include "crypto/elephant.h"
#include "crypto/hash.h"

#include <errno.h>
#include <openssl/evp.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#define N_SLOTS 16
#define IV_BATCH 64			/* sectors whose IVs are made in one call */

/* The contexts that one thread uses at a time.  busy guards the rest. */
struct slot {
	_Alignas(64) atomic_flag busy;
	EVP_CIPHER_CTX *data[2];	/* [0] decrypts, [1] encrypts; made when first needed */
	EVP_CIPHER_CTX *iv;		/* AES-ECB that makes IVs, or NULL */
	EVP_CIPHER_CTX *tweak;		/* AES-ECB that makes Elephant's sector keys, or NULL */
};

struct sector_cipher {
	enum sector_mode mode;
	uint32_t sector_size, iv_unit;
	const EVP_CIPHER *cipher;	/* OpenSSL's own, not to be freed */
	struct secret *data_key, *iv_key, *tweak_key;
	char name[48];
	struct slot slots[N_SLOTS];
};

static bool is_xts(enum sector_mode mode)
{
	return mode == SECTOR_XTS_PLAIN64;
}

static bool has_iv_key(enum sector_mode mode)
{
	return mode == SECTOR_CBC_ESSIV_SHA256 || mode == SECTOR_CBC_BITLOCKER ||
	       mode == SECTOR_CBC_ELEPHANT;
}

static int split_keys(struct sector_cipher *c, const struct secret *key)
{
	const uint8_t *k = secret_bytes(key);
	size_t len = secret_len(key);

	if (c->mode == SECTOR_CBC_ELEPHANT) {
		len /= 2;
		c->tweak_key = secret_copy(k + len, len);
		if (!c->tweak_key)
			return -ENOMEM;
	}
	c->data_key = secret_copy(k, len);
	if (!c->data_key)
		return -ENOMEM;
	if (c->mode == SECTOR_CBC_ESSIV_SHA256) {
		c->iv_key = secret_new(SHA256_BYTES);
		if (!c->iv_key)
			return -ENOMEM;
		return sha256(k, len, secret_data(c->iv_key));
	}
	if (has_iv_key(c->mode)) {
		c->iv_key = secret_copy(k, len);
		return c->iv_key ? 0 : -ENOMEM;
	}
	return 0;
}

static const EVP_CIPHER *pick_cipher(enum sector_mode mode, size_t key_len)
{
	if (is_xts(mode))
		return key_len == 32 ? EVP_aes_128_xts() : key_len == 64 ? EVP_aes_256_xts() : NULL;
	if (mode == SECTOR_CBC_ELEPHANT)
		key_len = key_len % 2 ? 0 : key_len / 2;
	return key_len == 16 ? EVP_aes_128_cbc() : key_len == 32 ? EVP_aes_256_cbc() : NULL;
}

static const char *mode_name(enum sector_mode mode)
{
	switch (mode) {
	case SECTOR_XTS_PLAIN64: return "aes-xts";
	case SECTOR_CBC_PLAIN64: return "aes-cbc-plain64";
	case SECTOR_CBC_PLAIN: return "aes-cbc-plain";
	case SECTOR_CBC_ESSIV_SHA256: return "aes-cbc-essiv-sha256";
	case SECTOR_CBC_BITLOCKER: return "aes-cbc";
	case SECTOR_CBC_ELEPHANT: return "aes-cbc-elephant";
	}
	return "?";
}

static EVP_CIPHER_CTX *ecb_context(const struct secret *key)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	if (!ctx)
		return NULL;
	if (EVP_EncryptInit_ex(ctx, secret_len(key) == 16 ? EVP_aes_128_ecb() : EVP_aes_256_ecb(),
			       NULL, secret_bytes(key), NULL) != 1 ||
	    EVP_CIPHER_CTX_set_padding(ctx, 0) != 1) {
		EVP_CIPHER_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

static EVP_CIPHER_CTX *data_context(const struct sector_cipher *c, int encrypt)
{
	static const uint8_t iv[16];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	if (!ctx)
		return NULL;
	if (EVP_CipherInit_ex(ctx, c->cipher, NULL, secret_bytes(c->data_key), iv, encrypt) != 1) {
		EVP_CIPHER_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

static int fill_slot(struct sector_cipher *c, struct slot *s)
{
	atomic_flag_clear(&s->busy);
	s->data[0] = data_context(c, 0);
	if (!s->data[0])
		return -ENOMEM;
	if (c->iv_key && !(s->iv = ecb_context(c->iv_key)))
		return -ENOMEM;
	if (c->tweak_key && !(s->tweak = ecb_context(c->tweak_key)))
		return -ENOMEM;
	return 0;
}

static bool sizes_fit(uint32_t sector_size, uint32_t iv_unit)
{
	return is_power_of_two(sector_size) && sector_size >= 512 && sector_size <= 4096 &&
	       is_power_of_two(iv_unit) && iv_unit >= 512 && iv_unit <= sector_size;
}

struct sector_cipher *sector_cipher_new(enum sector_mode mode, const struct secret *key,
					uint32_t sector_size, uint32_t iv_unit,
					struct error *err)
{
	AUTO(sector_cipher_free) struct sector_cipher *c = NULL;
	const EVP_CIPHER *cipher = pick_cipher(mode, secret_len(key));

	if (!cipher || !sizes_fit(sector_size, iv_unit))
		return error_null(err, ENOTSUP, "%s with a key of %zu bits and sectors of %u bytes",
				  mode_name(mode), secret_len(key) * 8, sector_size);
	c = aligned_alloc(64, sizeof(*c));
	if (!c)
		return error_null(err, ENOMEM, "out of memory");
	memset(c, 0, sizeof(*c));
	c->mode = mode;
	c->sector_size = sector_size;
	c->iv_unit = iv_unit;
	c->cipher = cipher;
	if (split_keys(c, key) < 0)
		return error_null(err, ENOMEM, "out of memory");
	snprintf(c->name, sizeof(c->name), "%s-%zu", mode_name(mode),
		 secret_len(c->data_key) * 8 / (is_xts(mode) ? 2 : 1));
	for (size_t i = 0; i < N_SLOTS; i++)
		if (fill_slot(c, &c->slots[i]) < 0)
			return error_null(err, EIO, "%s: OpenSSL refuses the key", c->name);
	return TAKE(c);
}

void sector_cipher_free(struct sector_cipher *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < N_SLOTS; i++) {
		EVP_CIPHER_CTX_free(c->slots[i].data[0]);
		EVP_CIPHER_CTX_free(c->slots[i].data[1]);
		EVP_CIPHER_CTX_free(c->slots[i].iv);
		EVP_CIPHER_CTX_free(c->slots[i].tweak);
	}
	secret_free(c->data_key);
	secret_free(c->iv_key);
	secret_free(c->tweak_key);
	free(c);
}

uint32_t sector_cipher_size(const struct sector_cipher *c)
{
	return c->sector_size;
}

uint32_t sector_cipher_iv_unit(const struct sector_cipher *c)
{
	return c->iv_unit;
}

const char *sector_cipher_name(const struct sector_cipher *c)
{
	return c->name;
}

/* A free slot, looked for from a place that differs between processors. */
static struct slot *take_slot(const struct sector_cipher *c)
{
	struct slot *slots = (struct slot *)c->slots;	/* immutable to callers, busy apart */
	unsigned at = (unsigned)sched_getcpu();

	for (;;) {
		for (unsigned i = 0; i < N_SLOTS; i++) {
			struct slot *s = &slots[(at + i) % N_SLOTS];

			if (!atomic_flag_test_and_set_explicit(&s->busy, memory_order_acquire))
				return s;
		}
		sched_yield();
	}
}

static void put_slot(struct slot *s)
{
	atomic_flag_clear_explicit(&s->busy, memory_order_release);
}

/* IVs of n sectors from number iv on. */
static int make_ivs(const struct sector_cipher *c, struct slot *s, uint8_t (*ivs)[16], size_t n,
		    uint64_t iv)
{
	uint64_t step = c->sector_size / c->iv_unit;
	int out;

	memset(ivs, 0, n * 16);
	for (size_t i = 0; i < n; i++, iv += step) {
		if (c->mode == SECTOR_CBC_BITLOCKER || c->mode == SECTOR_CBC_ELEPHANT)
			put_le64(ivs[i], iv * c->iv_unit);
		else if (c->mode == SECTOR_CBC_PLAIN)
			put_le32(ivs[i], (uint32_t)iv);
		else
			put_le64(ivs[i], iv);
	}
	if (s->iv && EVP_EncryptUpdate(s->iv, ivs[0], &out, ivs[0], (int)(n * 16)) != 1)
		return -EIO;
	return 0;
}

/* One whole sector.  EVP_Cipher() knows no padding, so contexts need no switch
 * that turns it off, which each new IV would pay for again. */
static int run_context(EVP_CIPHER_CTX *ctx, uint8_t *p, uint32_t size, const uint8_t iv[16])
{
	if (EVP_CipherInit_ex(ctx, NULL, NULL, NULL, iv, -1) != 1 ||
	    EVP_Cipher(ctx, p, p, size) != (int)size)
		return -EIO;
	return 0;
}

static int elephant_key(struct slot *s, uint64_t off, uint8_t key[32])
{
	int out;

	memset(key, 0, 32);
	put_le64(key, off);
	put_le64(key + 16, off);
	key[31] = 0x80;
	return EVP_EncryptUpdate(s->tweak, key, &out, key, 32) == 1 ? 0 : -EIO;
}

static int one_sector(const struct sector_cipher *c, struct slot *s, int encrypt, uint8_t *p,
		      const uint8_t iv[16], uint64_t off)
{
	uint8_t key[32];
	int rc = 0;

	if (s->tweak && (rc = elephant_key(s, off, key)) == 0 && encrypt)
		elephant_encrypt(p, c->sector_size, key);
	if (rc == 0)
		rc = run_context(s->data[encrypt], p, c->sector_size, iv);
	if (rc == 0 && s->tweak && !encrypt)
		elephant_decrypt(p, c->sector_size, key);
	if (s->tweak)
		wipe(key, sizeof(key));
	return rc;
}

/* XTS alone: its IV is the number itself, so nothing is prepared. */
static int crypt_xts(const struct sector_cipher *c, EVP_CIPHER_CTX *ctx, uint8_t *p,
		     size_t n_sectors, uint64_t iv)
{
	uint64_t step = c->sector_size / c->iv_unit;
	uint8_t tweak[16] = { 0 };
	int rc = 0;

	for (; n_sectors && rc == 0; n_sectors--, p += c->sector_size, iv += step) {
		put_le64(tweak, iv);
		rc = run_context(ctx, p, c->sector_size, tweak);
	}
	return rc;
}

static int crypt_with(const struct sector_cipher *c, struct slot *s, int encrypt, uint8_t *p,
		      size_t n_sectors, uint64_t iv)
{
	uint64_t step = c->sector_size / c->iv_unit;
	uint8_t ivs[IV_BATCH][16];
	int rc;

	if (!s->data[encrypt] && !(s->data[encrypt] = data_context(c, encrypt)))
		return -ENOMEM;
	if (is_xts(c->mode))
		return crypt_xts(c, s->data[encrypt], p, n_sectors, iv);
	while (n_sectors) {
		size_t n = n_sectors < IV_BATCH ? n_sectors : IV_BATCH;

		rc = make_ivs(c, s, ivs, n, iv);
		for (size_t i = 0; i < n && rc == 0; i++) {
			rc = one_sector(c, s, encrypt, p, ivs[i], iv * c->iv_unit);
			p += c->sector_size;
			iv += step;
		}
		if (rc < 0)
			return rc;
		n_sectors -= n;
	}
	return 0;
}

static int run_cipher(const struct sector_cipher *c, int encrypt, void *buf, size_t len, uint64_t iv)
{
	struct slot *s;
	int rc;

	if (len % c->sector_size)
		return -EINVAL;
	s = take_slot(c);
	rc = crypt_with(c, s, encrypt, buf, len / c->sector_size, iv);
	put_slot(s);
	return rc;
}

int sector_decrypt(const struct sector_cipher *c, void *buf, size_t len, uint64_t iv)
{
	return run_cipher(c, 0, buf, len, iv);
}

int sector_encrypt(const struct sector_cipher *c, void *buf, size_t len, uint64_t iv)
{
	return run_cipher(c, 1, buf, len, iv);
}
