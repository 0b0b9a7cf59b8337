/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors: tests/make/keywrap-vectors, made by the OpenSSL command line program. */
#include "crypto/hash.h"
#include "crypto/keywrap.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const unsigned sizes[] = { 2048, 3072, 4096 };
static const char *const messages[] = { "bek", "passphrase" };

static size_t slurp(const char *name, uint8_t *out, size_t room)
{
	char path[256];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "tests/data/keywrap/%s", name);
	f = fopen(path, "rb");
	assert_non_null(f);
	n = fread(out, 1, room, f);
	fclose(f);
	return n;
}

static struct rsa_key *load(const char *name, const char *pass, struct error *err)
{
	uint8_t pem[8192];
	size_t n = slurp(name, pem, sizeof(pem));
	AUTO(secret_free) struct secret *s = pass ? secret_copy(pass, strlen(pass)) : NULL;

	return rsa_key_from_pem(pem, n, s, err);
}

static void check_vector(const struct rsa_key *k, unsigned bits, enum wrap_alg alg, const char *msg)
{
	AUTO(secret_free) struct secret *got = NULL;
	uint8_t wrapped[RSA_MAX_BYTES], want[512];
	char name[64];
	size_t n, want_len;

	snprintf(name, sizeof(name), "%u.%s.%s.wrapped", bits, wrap_alg_name(alg), msg);
	n = slurp(name, wrapped, sizeof(wrapped));
	snprintf(name, sizeof(name), "%s.bin", msg);
	want_len = slurp(name, want, sizeof(want));
	assert_int_equal(n, bits / 8);
	assert_int_equal(rsa_key_unwrap(k, alg, wrapped, n, &got, NULL), 0);
	assert_int_equal(secret_len(got), want_len);
	assert_memory_equal(secret_bytes(got), want, want_len);
}

static void what_the_openssl_program_wrapped_unwraps(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%u.pem", sizes[i]);
		AUTO(rsa_key_free) struct rsa_key *k = load(name, NULL, NULL);
		assert_non_null(k);
		assert_true(rsa_key_is_private(k));
		for (unsigned alg = 0; alg < WRAP_ALG_COUNT; alg++)
			for (size_t m = 0; m < 2; m++)
				check_vector(k, sizes[i], alg, messages[m]);
	}
}

static void a_public_key_wraps_and_only_the_private_one_unwraps(void **state)
{
	AUTO(rsa_key_free) struct rsa_key *priv = load("2048.pem", NULL, NULL);
	AUTO(rsa_key_free) struct rsa_key *pub = load("2048.pub.pem", NULL, NULL);
	uint8_t out[RSA_MAX_BYTES];
	size_t n;

	(void)state;
	for (unsigned alg = 0; alg < WRAP_ALG_COUNT; alg++) {
		AUTO(secret_free) struct secret *got = NULL;

		assert_int_equal(rsa_key_wrap(pub, alg, "secret", 6, out, &n, NULL), 0);
		assert_int_equal(n, 256);
		assert_int_equal(rsa_key_unwrap(pub, alg, out, n, &got, NULL), -ENOKEY);
		assert_int_equal(rsa_key_unwrap(priv, alg, out, n, &got, NULL), 0);
		assert_int_equal(secret_len(got), 6);
		assert_memory_equal(secret_bytes(got), "secret", 6);
	}
}

static void the_longest_message_fits_and_one_byte_more_is_refused(void **state)
{
	static const size_t max[] = { [WRAP_RSA_OAEP] = 214, [WRAP_RSA_OAEP_256] = 190, [WRAP_RSA1_5] = 245 };
	AUTO(rsa_key_free) struct rsa_key *k = load("2048.pem", NULL, NULL);
	uint8_t in[256] = { 1, 2, 3 }, out[RSA_MAX_BYTES];
	size_t n;

	(void)state;
	for (unsigned alg = 0; alg < WRAP_ALG_COUNT; alg++) {
		AUTO(secret_free) struct secret *got = NULL;

		assert_int_equal(rsa_key_wrap(k, alg, in, max[alg], out, &n, NULL), 0);
		assert_int_equal(rsa_key_unwrap(k, alg, out, n, &got, NULL), 0);
		assert_int_equal(secret_len(got), max[alg]);
		assert_int_equal(rsa_key_wrap(k, alg, in, max[alg] + 1, out, &n, NULL), -EMSGSIZE);
	}
}

static void another_key_another_hash_a_flipped_bit_and_a_cut_are_rejected(void **state)
{
	AUTO(rsa_key_free) struct rsa_key *k = load("2048.pem", NULL, NULL);
	AUTO(rsa_key_free) struct rsa_key *other = rsa_key_generate(2048, NULL);
	uint8_t w[RSA_MAX_BYTES];
	struct secret *got = NULL;
	struct error err = ERROR_INIT;
	size_t n = slurp("2048.RSA-OAEP-256.bek.wrapped", w, sizeof(w));

	(void)state;
	assert_int_equal(rsa_key_unwrap(other, WRAP_RSA_OAEP_256, w, n, &got, &err), -EKEYREJECTED);
	assert_int_equal(rsa_key_unwrap(k, WRAP_RSA_OAEP, w, n, &got, &err), -EKEYREJECTED);
	assert_int_equal(rsa_key_unwrap(k, WRAP_RSA_OAEP_256, w, n - 1, &got, &err), -EKEYREJECTED);
	assert_int_equal(rsa_key_unwrap(k, WRAP_RSA_OAEP_256, w, 0, &got, &err), -EKEYREJECTED);
	w[17] ^= 1;
	assert_int_equal(rsa_key_unwrap(k, WRAP_RSA_OAEP_256, w, n, &got, &err), -EKEYREJECTED);
	assert_null(got);
}

static void encrypted_traditional_and_certificate_pem_are_read(void **state)
{
	AUTO(rsa_key_free) struct rsa_key *k = load("2048.pem", NULL, NULL);
	AUTO(rsa_key_free) struct rsa_key *enc = load("2048.encrypted.pem", "correct-horse", NULL);
	AUTO(rsa_key_free) struct rsa_key *trad = load("2048.traditional.pem", NULL, NULL);
	AUTO(rsa_key_free) struct rsa_key *cert = load("2048.cert.pem", NULL, NULL);
	uint8_t a[32], b[32];

	(void)state;
	assert_true(enc && trad && cert);
	assert_true(rsa_key_is_private(enc) && rsa_key_is_private(trad));
	assert_false(rsa_key_is_private(cert));
	assert_int_equal(rsa_key_fingerprint(k, a), 0);
	assert_int_equal(rsa_key_fingerprint(enc, b), 0);
	assert_memory_equal(a, b, 32);
	assert_int_equal(rsa_key_fingerprint(cert, b), 0);
	assert_memory_equal(a, b, 32);
}

static void each_kind_of_bad_pem_has_its_own_answer(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	assert_null(load("2048.encrypted.pem", NULL, &err));
	assert_int_equal(err.code, ENOKEY);
	assert_null(load("2048.encrypted.pem", "wrong", &err));
	assert_int_equal(err.code, EKEYREJECTED);
	assert_null(load("ec.pem", NULL, &err));
	assert_int_equal(err.code, ENOTSUP);
	assert_null(load("bek.bin", NULL, &err));
	assert_int_equal(err.code, EBADMSG);
	assert_null(rsa_key_from_pem("", 0, NULL, &err));
	assert_int_equal(err.code, EBADMSG);
	assert_null(rsa_key_generate(1024, &err));
	assert_int_equal(err.code, EINVAL);
}

static void a_json_web_key_is_the_same_key(void **state)
{
	AUTO(rsa_key_free) struct rsa_key *k = load("3072.pem", NULL, NULL);
	uint8_t n[RSA_MAX_BYTES], e[RSA_MAX_BYTES], a[32], b[32];
	size_t n_len = rsa_key_modulus(k, n), e_len = rsa_key_exponent(k, e);

	(void)state;
	assert_int_equal(n_len, 384);
	assert_int_equal(e_len, 3);
	AUTO(rsa_key_free) struct rsa_key *p = rsa_key_from_public(n, n_len, e, e_len, NULL);
	assert_non_null(p);
	rsa_key_fingerprint(k, a);
	rsa_key_fingerprint(p, b);
	assert_memory_equal(a, b, 32);
}

static void a_private_key_survives_its_pem_form(void **state)
{
	AUTO(rsa_key_free) struct rsa_key *k = load("2048.traditional.pem", NULL, NULL);
	AUTO(secret_free) struct secret *pem = rsa_key_private_pem(k);
	uint8_t a[32], b[32];

	(void)state;
	assert_non_null(pem);
	AUTO(rsa_key_free) struct rsa_key *again =
		rsa_key_from_pem(secret_bytes(pem), secret_len(pem), NULL, NULL);
	assert_non_null(again);
	assert_true(rsa_key_is_private(again));
	rsa_key_fingerprint(k, a);
	rsa_key_fingerprint(again, b);
	assert_memory_equal(a, b, 32);
}

static void algorithm_names_are_azures_and_nothing_else(void **state)
{
	enum wrap_alg alg;

	(void)state;
	assert_int_equal(wrap_alg_parse("RSA-OAEP-256", &alg), 0);
	assert_int_equal(alg, WRAP_RSA_OAEP_256);
	assert_int_equal(wrap_alg_parse("rsa1_5", &alg), 0);
	assert_int_equal(alg, WRAP_RSA1_5);
	assert_int_equal(wrap_alg_parse("RSA-OAEP-512", &alg), -ENOTSUP);
	assert_int_equal(wrap_alg_parse("", &alg), -ENOTSUP);
}

static void thumbprints_are_those_of_the_openssl_program(void **state)
{
	uint8_t pem[8192], sha1[20], s256[32], want1[20], want256[32];
	size_t n = slurp("2048.cert.pem", pem, sizeof(pem));
	char hex[200];

	(void)state;
	assert_int_equal(cert_thumbprints(pem, n, sha1, s256), 0);
	hex[slurp("2048.cert.sha1", (uint8_t *)hex, 40)] = '\0';
	assert_int_equal(hex_decode(hex, want1, 20), 0);
	hex[slurp("2048.cert.sha256", (uint8_t *)hex, 64)] = '\0';
	assert_int_equal(hex_decode(hex, want256, 32), 0);
	assert_memory_equal(sha1, want1, 20);
	assert_memory_equal(s256, want256, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_openssl_program_wrapped_unwraps),
		cmocka_unit_test(a_public_key_wraps_and_only_the_private_one_unwraps),
		cmocka_unit_test(the_longest_message_fits_and_one_byte_more_is_refused),
		cmocka_unit_test(another_key_another_hash_a_flipped_bit_and_a_cut_are_rejected),
		cmocka_unit_test(encrypted_traditional_and_certificate_pem_are_read),
		cmocka_unit_test(each_kind_of_bad_pem_has_its_own_answer),
		cmocka_unit_test(a_json_web_key_is_the_same_key),
		cmocka_unit_test(a_private_key_survives_its_pem_form),
		cmocka_unit_test(algorithm_names_are_azures_and_nothing_else),
		cmocka_unit_test(thumbprints_are_those_of_the_openssl_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
