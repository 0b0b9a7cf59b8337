/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/pack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static const uint8_t key[NAME_KEY_BYTES] = { 7 };

static void noise(uint8_t *p, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		p[i] = (uint8_t)(seed >> 56);
	}
}

/* zstd's frame header: a flag for 1 to 8 bytes of content size, or single segment. */
static void has_content_size(const uint8_t *f)
{
	assert_true((f[4] >> 6) != 0 || (f[4] & 0x20));
}

static void round_trip(const struct packed *k, const uint8_t *base, const uint8_t *chunk, uint32_t n)
{
	AUTO(free) uint8_t *back = malloc(n);

	assert_int_equal(chunk_unpack(k->kind, k->payload, k->len, base, back, n), 0);
	assert_memory_equal(back, chunk, n);
}

static void wrong_base(struct packer *p, const struct packed *k, uint8_t *base, const uint8_t *chunk,
		       uint32_t n)
{
	AUTO(free) uint8_t *back = malloc(n);
	uint8_t want[CHUNK_NAME_BYTES], got[CHUNK_NAME_BYTES];

	base[n - 1] ^= 1;
	if (chunk_unpack(CHUNK_PATCH, k->payload, k->len, base, back, n) < 0)
		return;
	assert_int_equal(packer_name(p, chunk, want), 0);
	assert_int_equal(packer_name(p, back, got), 0);
	assert_memory_not_equal(want, got, CHUNK_NAME_BYTES);
}

static void one_size(uint32_t n)
{
	struct error err = { 0 };
	AUTO(packer_free) struct packer *p = packer_new(key, n, &err);
	AUTO(free) uint8_t *chunk = calloc(1, n), *base = malloc(n);
	struct packed k;

	assert_non_null(p);
	assert_int_equal(packer_pack(p, chunk, NULL, &k), 0);
	assert_int_equal(k.kind, CHUNK_ZERO);
	chunk[n - 1] = 1;
	assert_int_equal(packer_pack(p, chunk, NULL, &k), 0);
	assert_int_equal(k.kind, CHUNK_ZSTD);
	has_content_size(k.payload);
	round_trip(&k, NULL, chunk, n);
	noise(base, n, n);
	memcpy(chunk, base, n);
	assert_int_equal(packer_pack(p, chunk, NULL, &k), 0);
	assert_int_equal(k.kind, CHUNK_RAW);
	round_trip(&k, NULL, chunk, n);
	noise(chunk + n / 2, 4096, 99);
	assert_int_equal(packer_pack(p, chunk, base, &k), 0);
	assert_int_equal(k.kind, CHUNK_PATCH);
	assert_in_range(k.len, 4096, 4096 + 512);
	has_content_size(k.payload);
	round_trip(&k, base, chunk, n);
	wrong_base(p, &k, base, chunk, n);
}

static void every_size(void **state)
{
	(void)state;
	for (uint32_t n = CHUNK_MIN; n <= CHUNK_MAX; n *= 2)
		one_size(n);
	assert_null(packer_new(key, 48 << 10, &(struct error){ 0 }));
	assert_null(packer_new(key, CHUNK_MAX * 2, &(struct error){ 0 }));
}

static void few_tries(void **state)
{
	struct error err = { 0 };
	AUTO(packer_free) struct packer *p = packer_new(key, CHUNK_MIN, &err);
	static uint8_t c[CHUNK_MIN];
	struct packed k;

	(void)state;
	for (unsigned i = 0; i < 32 + 160; i++) {
		noise(c, sizeof(c), i);
		assert_int_equal(packer_pack(p, c, NULL, &k), 0);
		assert_int_equal(k.kind, CHUNK_RAW);
	}
	assert_int_equal(packer_tries(p), 32 + 10);
	memset(c, 'x', sizeof(c));
	for (unsigned i = 0; i < 17; i++)
		assert_int_equal(packer_pack(p, c, NULL, &k), 0);
	assert_int_equal(k.kind, CHUNK_ZSTD);
	assert_int_equal(packer_tries(p), 32 + 10 + 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_size),
		cmocka_unit_test(few_tries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
