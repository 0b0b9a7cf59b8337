/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/base64.h"
#include "tests/lib/testlib.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void check_decodes(const char *text, const char *want)
{
	uint8_t out[256];
	size_t len = 999;

	assert_int_equal(base64_decode(text, strlen(text), out, &len), 0);
	assert_int_equal(len, strlen(want));
	assert_memory_equal(out, want, len);
}

static void check_refused(const char *text)
{
	uint8_t out[256];
	size_t len;

	assert_int_equal(base64_decode(text, strlen(text), out, &len), -EBADMSG);
}

/* RFC 4648, section 10. */
static void the_vectors_of_the_rfc_decode_with_and_without_padding(void **state)
{
	(void)state;
	check_decodes("", "");
	check_decodes("Zg==", "f");
	check_decodes("Zg", "f");
	check_decodes("Zm8=", "fo");
	check_decodes("Zm8", "fo");
	check_decodes("Zm9v", "foo");
	check_decodes("Zm9vYg==", "foob");
	check_decodes("Zm9vYmE", "fooba");
	check_decodes("Zm9vYmFy", "foobar");
}

static void both_alphabets_decode_but_never_mixed(void **state)
{
	(void)state;
	check_decodes("+/+/", "\xfb\xff\xbf");
	check_decodes("-_-_", "\xfb\xff\xbf");
	check_refused("+/-_");
	check_refused("-/AA");
}

static void garbage_is_refused(void **state)
{
	static const char *const bad[] = { "Z", "Zg=", "Zg===", "=", "==", "====", "Zm9vYg=", "Z g=",
		"Zg==\n", "Zm9v\n", " Zm9v", "Zm=v", "Z===", "Zm9v=", "Zm9vYg==Zg==", "Zm9\x80",
		"Zm9*", "Zm9,", "Zm9.", "Zm9:", "Zm9@", "Zm9[", "Zm9^", "Zm9`", "Zm9{", "Zm9\xff" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_refused(bad[i]);
}

static void bits_left_over_are_refused(void **state)
{
	(void)state;
	check_refused("Zh==");
	check_refused("Zh");
	check_refused("Zm9=");
}

static void every_form_of_random_bytes_comes_back(void **state)
{
	struct test_random r = test_random_seeded("base64");

	(void)state;
	for (size_t len = 0; len < 300; len++) {
		uint8_t in[300], out[BASE64_BYTES(BASE64_CHARS(300))];
		char text[BASE64_CHARS(300) + 1];
		size_t got;

		test_random_fill(&r, in, len);
		for (int form = BASE64_STD; form <= BASE64_URL_PADDED; form++) {
			size_t n = base64_encode(in, len, form, text);

			assert_int_equal(n, strlen(text));
			assert_int_equal(base64_decode(text, n, out, &got), 0);
			assert_int_equal(got, len);
			assert_memory_equal(in, out, len);
		}
	}
}

static void forms_are_spelt_as_asked(void **state)
{
	char out[9];

	(void)state;
	base64_encode("\xfb\xff", 2, BASE64_STD, out);
	assert_string_equal(out, "+/8=");
	base64_encode("\xfb\xff", 2, BASE64_STD_UNPADDED, out);
	assert_string_equal(out, "+/8");
	base64_encode("\xfb\xff", 2, BASE64_URL, out);
	assert_string_equal(out, "-_8");
	base64_encode("\xfb\xff", 2, BASE64_URL_PADDED, out);
	assert_string_equal(out, "-_8=");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_the_rfc_decode_with_and_without_padding),
		cmocka_unit_test(both_alphabets_decode_but_never_mixed),
		cmocka_unit_test(garbage_is_refused),
		cmocka_unit_test(bits_left_over_are_refused),
		cmocka_unit_test(every_form_of_random_bytes_comes_back),
		cmocka_unit_test(forms_are_spelt_as_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
