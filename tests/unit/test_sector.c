/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/hash.h"
#include "crypto/sector.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct sector_cipher *make(enum sector_mode mode, size_t key_len, uint32_t sector,
				  uint32_t unit)
{
	AUTO(secret_free) struct secret *key = secret_new(key_len);

	for (size_t i = 0; i < key_len; i++)
		secret_data(key)[i] = (uint8_t)(i * 7 + 1);
	return sector_cipher_new(mode, key, sector, unit, NULL);
}

/* OpenSSL's allocator here counts its calls. */
static atomic_uint allocations;

static void *counting_malloc(size_t n, const char *file, int line)
{
	(void)file, (void)line;
	atomic_fetch_add(&allocations, 1);
	return malloc(n);
}

static void *counting_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file, (void)line;
	atomic_fetch_add(&allocations, 1);
	return realloc(p, n);
}

static void plain_free(void *p, const char *file, int line)
{
	(void)file, (void)line;
	free(p);
}

/* IEEE 1619-2007, vector 10: AES-XTS-256, data unit 0xff, 512 bytes of 00 01 02 … */
static void xts_256_is_ieee_1619_vector_10(void **state)
{
	AUTO(secret_free) struct secret *key = secret_new(64);
	AUTO(sector_cipher_free) struct sector_cipher *c = NULL;
	uint8_t sector[512], want[32];

	(void)state;
	hex_decode("2718281828459045235360287471352662497757247093699959574966967627"
		   "3141592653589793238462643383279502884197169399375105820974944592",
		   secret_data(key), 64);
	hex_decode("1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b", want, 32);
	for (int i = 0; i < 512; i++)
		sector[i] = (uint8_t)i;
	c = sector_cipher_new(SECTOR_XTS_PLAIN64, key, 512, 512, NULL);
	assert_non_null(c);
	assert_int_equal(sector_encrypt(c, sector, 512, 0xff), 0);
	assert_memory_equal(sector, want, 32);
	assert_string_equal(sector_cipher_name(c), "aes-xts-256");
}

static void every_mode_decrypts_what_it_encrypted_and_each_sector_by_itself(void **state)
{
	static const struct { enum sector_mode mode; size_t key; } m[] = {
		{ SECTOR_XTS_PLAIN64, 32 }, { SECTOR_XTS_PLAIN64, 64 },
		{ SECTOR_CBC_PLAIN64, 16 }, { SECTOR_CBC_PLAIN, 32 },
		{ SECTOR_CBC_ESSIV_SHA256, 32 }, { SECTOR_CBC_BITLOCKER, 16 },
		{ SECTOR_CBC_BITLOCKER, 32 }, { SECTOR_CBC_ELEPHANT, 32 },
		{ SECTOR_CBC_ELEPHANT, 64 },
	};
	static uint8_t plain[128 * 1024], buf[128 * 1024];

	(void)state;
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)(i * i >> 7);
	for (size_t i = 0; i < sizeof(m) / sizeof(*m); i++)
		for (uint32_t sector = 512; sector <= 4096; sector *= 2) {
			AUTO(sector_cipher_free) struct sector_cipher *c =
				make(m[i].mode, m[i].key, sector, 512);
			uint64_t step = sector / 512;

			assert_non_null(c);
			memcpy(buf, plain, sizeof(buf));
			assert_int_equal(sector_encrypt(c, buf, sizeof(buf), 1000), 0);
			assert_memory_not_equal(buf, plain, sizeof(buf));
			assert_int_equal(sector_decrypt(c, buf + 3 * sector, sector, 1000 + 3 * step), 0);
			assert_memory_equal(buf + 3 * sector, plain + 3 * sector, sector);
			assert_int_equal(sector_encrypt(c, buf + 3 * sector, sector, 1000 + 3 * step), 0);
			assert_int_equal(sector_decrypt(c, buf, sizeof(buf), 1000), 0);
			assert_memory_equal(buf, plain, sizeof(buf));
		}
}

static void keys_and_sizes_that_do_not_fit_are_refused(void **state)
{
	(void)state;
	assert_null(make(SECTOR_XTS_PLAIN64, 48, 512, 512));
	assert_null(make(SECTOR_CBC_PLAIN64, 24, 512, 512));
	assert_null(make(SECTOR_CBC_ELEPHANT, 33, 512, 512));
	assert_null(make(SECTOR_XTS_PLAIN64, 64, 513, 512));
	assert_null(make(SECTOR_XTS_PLAIN64, 64, 8192, 512));
	assert_null(make(SECTOR_XTS_PLAIN64, 64, 512, 4096));
}

static void half_a_sector_is_refused(void **state)
{
	AUTO(sector_cipher_free) struct sector_cipher *c = make(SECTOR_XTS_PLAIN64, 64, 512, 512);
	uint8_t buf[256];

	(void)state;
	assert_int_equal(sector_decrypt(c, buf, 256, 0), -EINVAL);
}

static void decrypting_allocates_nothing(void **state)
{
	static uint8_t buf[65536];

	(void)state;
	for (int mode = SECTOR_XTS_PLAIN64; mode <= SECTOR_CBC_ELEPHANT; mode++) {
		AUTO(sector_cipher_free) struct sector_cipher *c =
			make((enum sector_mode)mode, mode == SECTOR_XTS_PLAIN64 ? 64 : 32, 512, 512);
		unsigned before = atomic_load(&allocations);

		assert_true(before > 0);	/* making it did, so the counter counts */
		for (uint64_t i = 0; i < 50; i++)
			assert_int_equal(sector_decrypt(c, buf, sizeof(buf), i), 0);
		assert_int_equal(atomic_load(&allocations), before);
	}
}

static void *hammer(void *arg)
{
	struct sector_cipher *c = arg;
	uint8_t buf[4096];

	for (int i = 0; i < 300; i++) {
		memset(buf, i, sizeof(buf));
		if (sector_encrypt(c, buf, sizeof(buf), (uint64_t)i) < 0 ||
		    sector_decrypt(c, buf, sizeof(buf), (uint64_t)i) < 0)
			return arg;
		for (size_t k = 0; k < sizeof(buf); k++)
			if (buf[k] != (uint8_t)i)
				return arg;
	}
	return NULL;
}

static void more_threads_than_contexts_share_one_cipher(void **state)
{
	AUTO(sector_cipher_free) struct sector_cipher *c = make(SECTOR_CBC_ELEPHANT, 64, 512, 512);
	pthread_t t[24];

	(void)state;
	for (int i = 0; i < 24; i++)
		assert_int_equal(pthread_create(&t[i], NULL, hammer, c), 0);
	for (int i = 0; i < 24; i++) {
		void *bad;

		pthread_join(t[i], &bad);
		assert_null(bad);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(xts_256_is_ieee_1619_vector_10),
		cmocka_unit_test(every_mode_decrypts_what_it_encrypted_and_each_sector_by_itself),
		cmocka_unit_test(keys_and_sizes_that_do_not_fit_are_refused),
		cmocka_unit_test(half_a_sector_is_refused),
		cmocka_unit_test(decrypting_allocates_nothing),
		cmocka_unit_test(more_threads_than_contexts_share_one_cipher),
	};

	CRYPTO_set_mem_functions(counting_malloc, counting_realloc, plain_free);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
