/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/util/json_value.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static struct jval *parse(const char *text)
{
	return jval_parse(text, strlen(text), NULL);
}

static void members_are_found_in_any_case_and_through_dots(void **state)
{
	AUTO(jval_free) struct jval *v =
		parse("{\"properties.StorageProfile\":{\"OsDisk\":{\"name\":\"x\"}},\"a\":{\"b.c\":{\"d\":1}}}");
	int64_t n;

	(void)state;
	assert_non_null(v);
	assert_string_equal(jval_text(jval_path_ci(v, "properties.storageProfile.osDisk.Name")), "x");
	assert_true(jval_i64(jval_path_ci(v, "a.b.c.d"), &n) && n == 1);
	assert_null(jval_path_ci(v, "properties.storageProfile.dataDisks"));
	assert_null(jval_path_ci(v, "a.b"));
}

static void duplicates_trailing_bytes_and_broken_utf8_are_refused(void **state)
{
	static const char *const bad[] = { "{\"a\":1,\"a\":2}", "{} x", "{\"a\":\"\xff\"}", "", "{", "[1,]",
					   "{\"a\":\"\\u0000\"}" };
	struct error err = ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(jval_parse(bad[i], strlen(bad[i]), &err));
		assert_int_equal(err.code, EBADMSG);
	}
}

static void the_words_of_an_error_never_quote_the_text(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	assert_null(jval_parse("{\"value\": TOPSECRET}", 20, &err));
	assert_null(strstr(err.text, "TOPSECRET"));
}

static void numbers_may_be_written_as_text(void **state)
{
	AUTO(jval_free) struct jval *v = parse("{\"s\":\"3599\",\"n\":3599,\"x\":\"12a\",\"neg\":-1,\"e\":\"\"}");
	uint64_t n = 0;

	(void)state;
	assert_true(jval_u64(jval_get(v, "s"), &n) && n == 3599);
	assert_true(jval_u64(jval_get(v, "n"), &n) && n == 3599);
	assert_false(jval_u64(jval_get(v, "x"), &n));
	assert_false(jval_u64(jval_get(v, "neg"), &n));
	assert_false(jval_u64(jval_get(v, "e"), &n));
	assert_false(jval_u64(NULL, &n));
}

static void printing_sorts_the_members(void **state)
{
	AUTO(jval_free) struct jval *v = jval_object();
	AUTO(free) char *text = NULL;

	(void)state;
	assert_int_equal(jval_set_text(v, "b", "x"), 0);
	assert_int_equal(jval_set_u64_text(v, "a", UINT64_MAX), 0);
	assert_int_equal(jval_set(v, "c", NULL), -ENOMEM);
	text = jval_print(v, false);
	assert_string_equal(text, "{\"a\":\"18446744073709551615\",\"b\":\"x\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_found_in_any_case_and_through_dots),
		cmocka_unit_test(duplicates_trailing_bytes_and_broken_utf8_are_refused),
		cmocka_unit_test(the_words_of_an_error_never_quote_the_text),
		cmocka_unit_test(numbers_may_be_written_as_text),
		cmocka_unit_test(printing_sorts_the_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
