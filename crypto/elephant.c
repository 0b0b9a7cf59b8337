/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/elephant.h"
#include "crypto/bytes.h"
#include "crypto/secret.h"

#include <assert.h>

#define MAX_WORDS (4096 / 4)

static inline uint32_t rotl(uint32_t v, unsigned n)
{
	return n ? v << n | v >> (32 - n) : v;
}

/* d[i] depends on its neighbours at distances 2 and 5, wrapped around.  The
 * few words that wrap are done with a mask-free modulo, the rest without. */
#define STEP_B(d, i, n, r) \
	((d)[i] += (d)[(i) + 2 < (n) ? (i) + 2 : (i) + 2 - (n)] ^ \
		   rotl((d)[(i) + 5 < (n) ? (i) + 5 : (i) + 5 - (n)], r))
#define STEP_A(d, i, n, r) \
	((d)[i] += (d)[(i) >= 2 ? (i) - 2 : (i) + (n) - 2] ^ \
		   rotl((d)[(i) >= 5 ? (i) - 5 : (i) + (n) - 5], r))

static void decrypt_b(uint32_t *d, size_t n)
{
	for (int cycle = 0; cycle < 3; cycle++) {
		size_t i = 0;

		for (; i + 8 < n; i += 4) {
			d[i] += d[i + 2] ^ d[i + 5];
			d[i + 1] += d[i + 3] ^ rotl(d[i + 6], 10);
			d[i + 2] += d[i + 4] ^ d[i + 7];
			d[i + 3] += d[i + 5] ^ rotl(d[i + 8], 25);
		}
		for (; i < n; i += 4) {
			STEP_B(d, i, n, 0);
			STEP_B(d, i + 1, n, 10);
			STEP_B(d, i + 2, n, 0);
			STEP_B(d, i + 3, n, 25);
		}
	}
}

static void decrypt_a(uint32_t *d, size_t n)
{
	for (int cycle = 0; cycle < 5; cycle++) {
		size_t i = 0;

		for (; i < 8; i += 4) {
			STEP_A(d, i, n, 9);
			STEP_A(d, i + 1, n, 0);
			STEP_A(d, i + 2, n, 13);
			STEP_A(d, i + 3, n, 0);
		}
		for (; i < n; i += 4) {
			d[i] += d[i - 2] ^ rotl(d[i - 5], 9);
			d[i + 1] += d[i - 1] ^ d[i - 4];
			d[i + 2] += d[i] ^ rotl(d[i - 3], 13);
			d[i + 3] += d[i + 1] ^ d[i - 2];
		}
	}
}

static void encrypt_a(uint32_t *d, size_t n)
{
	static const unsigned rot[4] = { 9, 0, 13, 0 };

	for (int cycle = 0; cycle < 5; cycle++)
		for (size_t i = n; i-- > 0;)
			d[i] -= d[(i + n - 2) % n] ^ rotl(d[(i + n - 5) % n], rot[i % 4]);
}

static void encrypt_b(uint32_t *d, size_t n)
{
	static const unsigned rot[4] = { 0, 10, 0, 25 };

	for (int cycle = 0; cycle < 3; cycle++)
		for (size_t i = n; i-- > 0;)
			d[i] -= d[(i + 2) % n] ^ rotl(d[(i + 5) % n], rot[i % 4]);
}

static void load(uint32_t *d, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		d[i] = le32(p + 4 * i);
}

void elephant_decrypt(uint8_t *sector, size_t len, const uint8_t key[32])
{
	uint32_t d[MAX_WORDS], k[8];
	size_t n = len / 4;

	assert(len >= 64 && len % 32 == 0 && n <= MAX_WORDS);
	load(d, sector, n);
	load(k, key, 8);
	decrypt_b(d, n);
	decrypt_a(d, n);
	for (size_t i = 0; i < n; i++)
		put_le32(sector + 4 * i, d[i] ^ k[i % 8]);
	wipe(k, sizeof(k));
}

void elephant_encrypt(uint8_t *sector, size_t len, const uint8_t key[32])
{
	uint32_t d[MAX_WORDS], k[8];
	size_t n = len / 4;

	assert(len >= 64 && len % 32 == 0 && n <= MAX_WORDS);
	load(d, sector, n);
	load(k, key, 8);
	for (size_t i = 0; i < n; i++)
		d[i] ^= k[i % 8];
	wipe(k, sizeof(k));
	encrypt_a(d, n);
	encrypt_b(d, n);
	for (size_t i = 0; i < n; i++)
		put_le32(sector + 4 * i, d[i]);
}
