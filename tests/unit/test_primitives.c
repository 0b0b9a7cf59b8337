/* SPDX-License-Identifier: Apache-2.0 */
/* The primitives against published vectors. */
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/kdf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void assert_hex(const uint8_t *got, size_t len, const char *want)
{
	char text[2 * 128 + 1];

	hex_encode(got, len, text);
	assert_string_equal(text, want);
}

static void sha256_of_abc_is_fips_180s(void **state)
{
	AUTO(sha256_free) struct sha256 *h = sha256_new();
	uint8_t out[32];

	(void)state;
	assert_int_equal(sha256("abc", 3, out), 0);
	assert_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	for (int again = 0; again < 2; again++) {
		sha256_reset(h);
		sha256_update(h, "a", 1);
		sha256_update(h, "bc", 2);
		sha256_final(h, out);
		assert_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	}
}

/* RFC 4231, case 2 */
static void hmac_is_rfc_4231s_also_when_its_key_is_used_again(void **state)
{
	AUTO(hmac_free) struct hmac *h = hmac_new("Jefe", 4);
	const char *text = "what do ya want for nothing?";
	uint8_t out[32];

	(void)state;
	for (int again = 0; again < 3; again++) {
		assert_int_equal(hmac_once(h, text, strlen(text), out), 0);
		assert_hex(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	}
	assert_int_equal(hmac_sha256("Jefe", 4, text, strlen(text), out), 0);
	assert_hex(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

/* RFC 5869, case 1 */
static void hkdf_is_rfc_5869s(void **state)
{
	uint8_t ikm[22], salt[13], info[10], out[42];

	(void)state;
	memset(ikm, 0x0b, sizeof(ikm));
	for (unsigned i = 0; i < sizeof(salt); i++)
		salt[i] = (uint8_t)i;
	for (unsigned i = 0; i < sizeof(info); i++)
		info[i] = (uint8_t)(0xf0 + i);
	assert_int_equal(hkdf_sha256(ikm, 22, salt, 13, info, 10, out, 42), 0);
	assert_hex(out, 42, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
			    "34007208d5b887185865");
}

/* RFC 7914, section 11 */
static void pbkdf2_is_rfc_7914s(void **state)
{
	uint8_t out[64];

	(void)state;
	assert_int_equal(kdf_pbkdf2("sha256", "passwd", 6, "salt", 4, 1, out, 64), 0);
	assert_hex(out, 64, "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"
			    "49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783");
	assert_int_equal(kdf_pbkdf2("no-such-hash", "p", 1, "s", 1, 1, out, 64), -ENOTSUP);
	assert_int_equal(kdf_pbkdf2("sha256", "p", 1, "s", 1, 0, out, 64), -EINVAL);
}

/* The reference implementation's own test: argon2id, t=2, m=2^16, p=1, "password", "somesalt" */
static void argon2id_is_the_reference_implementations(void **state)
{
	uint8_t out[32];

	(void)state;
	assert_int_equal(kdf_argon2(ARGON2ID, "password", 8, "somesalt", 8, 2, 65536, 1, out, 32), 0);
	assert_hex(out, 32, "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7");
	assert_int_equal(kdf_argon2(ARGON2I, "p", 1, "short", 5, 2, 64, 1, out, 32), -EINVAL);
}

/* McGrew and Viega, test case 16 */
static void gcm_is_the_specifications_and_refuses_a_flipped_bit(void **state)
{
	uint8_t key[32], nonce[12], aad[20], plain[60], out[60], back[60], tag[16];
	AUTO(gcm_free) struct gcm *g = NULL;

	(void)state;
	hex_decode("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", key, 32);
	hex_decode("cafebabefacedbaddecaf888", nonce, 12);
	hex_decode("feedfacedeadbeeffeedfacedeadbeefabaddad2", aad, 20);
	hex_decode("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
		   "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39", plain, 60);
	g = gcm_new(key);
	assert_non_null(g);
	for (int again = 0; again < 2; again++) {
		assert_int_equal(gcm_seal(g, nonce, aad, 20, plain, 60, out, tag), 0);
		assert_hex(tag, 16, "76fc6ece0f4e1768cddf8853bb2d551b");
		assert_int_equal(gcm_open(g, nonce, aad, 20, out, 60, back, tag), 0);
		assert_memory_equal(back, plain, 60);
	}
	out[7] ^= 1;
	assert_int_equal(gcm_open(g, nonce, aad, 20, out, 60, back, tag), -EBADMSG);
	out[7] ^= 1;
	aad[0] ^= 1;
	assert_int_equal(gcm_open(g, nonce, aad, 20, out, 60, back, tag), -EBADMSG);
}

static void ccm_opens_what_it_sealed_and_nothing_else(void **state)
{
	uint8_t key[32] = { 1 }, nonce[12] = { 2 }, tag[16], out[44], back[44];
	const uint8_t plain[44] = "a key datum";

	(void)state;
	assert_int_equal(ccm_seal(key, nonce, tag, plain, 44, out), 0);
	assert_int_equal(ccm_open(key, nonce, tag, out, 44, back), 0);
	assert_memory_equal(back, plain, 44);
	key[5] ^= 1;
	assert_int_equal(ccm_open(key, nonce, tag, out, 44, back), -EKEYREJECTED);
}

static void hex_refuses_what_is_not_hex(void **state)
{
	uint8_t out[2];

	(void)state;
	assert_int_equal(hex_decode("A0fF", out, 2), 0);
	assert_int_equal(out[1], 0xff);
	assert_int_equal(hex_decode("A0f", out, 2), -EINVAL);
	assert_int_equal(hex_decode("A0fg", out, 2), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_of_abc_is_fips_180s),
		cmocka_unit_test(hmac_is_rfc_4231s_also_when_its_key_is_used_again),
		cmocka_unit_test(hkdf_is_rfc_5869s),
		cmocka_unit_test(pbkdf2_is_rfc_7914s),
		cmocka_unit_test(argon2id_is_the_reference_implementations),
		cmocka_unit_test(gcm_is_the_specifications_and_refuses_a_flipped_bit),
		cmocka_unit_test(ccm_opens_what_it_sealed_and_nothing_else),
		cmocka_unit_test(hex_refuses_what_is_not_hex),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
