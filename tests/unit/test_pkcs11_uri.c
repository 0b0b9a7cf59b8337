/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/keys/pkcs11_uri.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void a_uri_names_a_token_a_key_and_a_module(void **state)
{
	struct pkcs11_uri u;

	(void)state;
	assert_int_equal(pkcs11_uri_parse("pkcs11:token=my%20hsm;object=kek1;id=%01%FF;type=private"
					  "?module-path=/lib/a.so&pin-source=file:///run/pin", &u, NULL), 0);
	assert_string_equal(u.token, "my hsm");
	assert_string_equal(u.object, "kek1");
	assert_int_equal(u.id_len, 2);
	assert_memory_equal(u.id, "\x01\xff", 2);
	assert_string_equal(u.module, "/lib/a.so");
	assert_string_equal(u.pin_source, "/run/pin");
	assert_true(pkcs11_uri_names_key(&u));
	assert_int_equal(pkcs11_uri_parse("pkcs11:serial=12;slot-id=3?pin-source=/p", &u, NULL), 0);
	assert_string_equal(u.pin_source, "/p");
	assert_false(pkcs11_uri_names_key(&u));
	assert_int_equal(pkcs11_uri_parse("pkcs11:", &u, NULL), 0);
}

static void refused(const char *text, const char *why)
{
	struct error err = ERROR_INIT;
	struct pkcs11_uri u;

	assert_int_equal(pkcs11_uri_parse(text, &u, &err), -EINVAL);
	if (!strstr(err.text, why))
		fail_msg("%s: %s", text, err.text);
	assert_null(strstr(err.text, "1234"));
}

static void what_is_no_such_uri_is_refused_and_a_pin_is_not_repeated(void **state)
{
	(void)state;
	refused("pkcs11:token=a?pin-value=1234", "seen by everybody");
	refused("pkcs11:token=a;token=b", "twice");
	refused("pkcs11:id=%01;id=%02", "twice");
	refused("pkcs11:token=", "empty");
	refused("pkcs11:token=%4", "wrongly escaped");
	refused("pkcs11:token=%00", "wrongly escaped");
	refused("pkcs11:token=%zz", "wrongly escaped");
	refused("pkcs11:type=public", "private key unwraps");
	refused("pkcs11:color=red", "not known");
	refused("pkcs11:token", "no value");
	refused("pkcs11:token=a?pin-source=|cat", "not the name of a file");
	refused("pkcs11:token=0123456789012345678901234567890123456789012345678901234567890123", "too long");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_uri_names_a_token_a_key_and_a_module),
		cmocka_unit_test(what_is_no_such_uri_is_refused_and_a_pin_is_not_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
