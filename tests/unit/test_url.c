/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/net/retry.h"
#include "fs/net/url.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void parts_are_told_apart(void **state)
{
	struct url u;

	(void)state;
	assert_int_equal(url_parse("https://Contoso.Vault.azure.net:443/secrets/a?x=1", &u), 0);
	assert_true(u.https);
	assert_string_equal(u.host, "contoso.vault.azure.net");
	assert_int_equal(u.port, 443);
	assert_int_equal(u.path_len, 10);
	assert_string_equal(u.query, "x=1");
	assert_int_equal(url_parse("http://[::1]:8080", &u), 0);
	assert_string_equal(u.host, "::1");
	assert_int_equal(u.port, 8080);
	assert_int_equal(u.path_len, 0);
	assert_null(u.query);
}

static void urls_that_mislead_are_refused(void **state)
{
	static const char *const bad[] = { "", "ftp://a/", "https://", "https:///x", "https://user@a/",
		"https://u:p@a/", "https://a b/", "https://a/\n", "https://a:0/", "https://a:65536/",
		"https://a:/", "https://a\\b/", "https://[::1/", "https://a%2eb/", "https://[::1]x/" };
	struct url u;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(url_parse(bad[i], &u), -EINVAL);
}

static void what_is_shown_has_no_query_and_no_password(void **state)
{
	char out[100];

	(void)state;
	url_show("https://a/b?sig=SECRET", out, sizeof(out));
	assert_string_equal(out, "https://a/b");
	url_show("https://user:SECRET@a/b#SECRET", out, sizeof(out));
	assert_string_equal(out, "https://a/b");
	url_show("https://a/b@c", out, sizeof(out));
	assert_string_equal(out, "https://a/b@c");
}

static void local_addresses_are_known_by_their_number(void **state)
{
	struct url u;

	(void)state;
	url_parse("http://127.0.0.9/", &u);
	assert_true(url_is_loopback(&u) && !url_is_link_local(&u));
	url_parse("http://169.254.169.254/", &u);
	assert_true(!url_is_loopback(&u) && url_is_link_local(&u));
	url_parse("http://127.0.0.1.evil.example/", &u);
	assert_false(url_is_loopback(&u));
	url_parse("http://169.254.169.254.evil.example/", &u);
	assert_false(url_is_link_local(&u));
}

static void a_domain_ends_at_a_dot(void **state)
{
	(void)state;
	assert_true(host_is_under("a.vault.azure.net", "vault.azure.net"));
	assert_true(host_is_under("vault.azure.net", "vault.azure.net"));
	assert_false(host_is_under("evilvault.azure.net", "vault.azure.net"));
	assert_false(host_is_under("a.vault.azure.net.evil", "vault.azure.net"));
	assert_false(host_is_under("a", ""));
}

static void waits_grow_with_jitter_and_stop_before_the_deadline(void **state)
{
	struct retry r;
	int64_t w;

	(void)state;
	retry_start(&r, 5, 100000);
	for (int i = 0; i < 4; i++) {
		w = retry_next(&r, -1);
		assert_in_range(w, 400 << i, 800 << i);
	}
	assert_int_equal(retry_next(&r, -1), -1);
	retry_start(&r, 5, 100);
	assert_int_equal(retry_next(&r, -1), -1);
}

static void a_server_that_names_a_time_is_waited_for_if_it_fits(void **state)
{
	struct retry r;

	(void)state;
	retry_start(&r, 5, 100000);
	assert_int_equal(retry_next(&r, 7), 7000);
	assert_int_equal(retry_next(&r, 200), -1);
	assert_int_equal(retry_next(&r, INT64_MAX), -1);
}

static void what_is_escaped_comes_back_and_halves_are_refused(void **state)
{
	static const char *const bad[] = { "%", "a%2", "%zz", "%2x", "a%00b" };
	char *text = url_unescape("a%20b%2F%C3%a4/+", 16);

	(void)state;
	assert_string_equal(text, "a b/\xc3\xa4/+");
	free(text);
	text = url_unescape("a%20b", 1);
	assert_string_equal(text, "a");
	free(text);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_null(url_unescape(bad[i], strlen(bad[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_are_told_apart),
		cmocka_unit_test(urls_that_mislead_are_refused),
		cmocka_unit_test(what_is_shown_has_no_query_and_no_password),
		cmocka_unit_test(local_addresses_are_known_by_their_number),
		cmocka_unit_test(a_domain_ends_at_a_dot),
		cmocka_unit_test(waits_grow_with_jitter_and_stop_before_the_deadline),
		cmocka_unit_test(a_server_that_names_a_time_is_waited_for_if_it_fits),
		cmocka_unit_test(what_is_escaped_comes_back_and_halves_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
