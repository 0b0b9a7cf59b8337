/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures of version 4 against the examples in Amazon's "Signature Calculations for the
 * Authorization Header: Transferring Payload in a Single Chunk"; credentials files. */
#include "fs/net/aws_sign.h"
#include "fs/net/params.h"
#include "fs/net/s3_cred.h"
#include "fs/store/s3error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define WELCOME "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"

static void check(const char *method, const char *path, const char *query, const char *const *headers, size_t n,
		  const char *payload, const char *want)
{
	struct aws_sign_request rq = {
		.method = method, .host = "examplebucket.s3.amazonaws.com", .path = path, .query = query,
		.headers = headers, .n_headers = n, .payload_sha256 = payload, .date = "20130524T000000Z",
		.region = "us-east-1", .service = "s3", .key_id = "AKIAIOSFODNN7EXAMPLE",
	};
	AUTO(secret_free) struct secret *key = secret_copy("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", 40);
	AUTO(secret_free) struct secret *line = aws_sign_v4(&rq, key);

	assert_non_null(line);
	assert_true(secret_len(line) > 64);
	assert_memory_equal(secret_bytes(line) + secret_len(line) - 64, want, 64);
}

static void the_published_examples_come_out(void **state)
{
	static const char *const range[] = { "Range: bytes=0-9", "x-amz-content-sha256: " EMPTY,
					     "x-amz-date: 20130524T000000Z" };
	static const char *const put[] = { "Date: Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class: REDUCED_REDUNDANCY",
					   "x-amz-date:20130524T000000Z", "x-amz-content-sha256:  " WELCOME " " };

	(void)state;
	check("GET", "/test.txt", "", range, 3, EMPTY, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
	check("PUT", "/test%24file.text", "", put, 4, WELCOME,
	      "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
	check("GET", "/", "lifecycle=", range + 1, 2, EMPTY,
	      "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
	check("GET", "", "max-keys=2&prefix=J", range + 1, 2, EMPTY,
	      "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void parameters_and_paths_are_encoded_as_signed(void **state)
{
	static const struct http_param p[] = { { "prefix", "a/b c" }, { "list-type", "2" }, { "delimiter", "" } };
	AUTO(free) char *query = params_query(p, 3);
	AUTO(free) char *path = path_escape("a b/c%2Fd/~_.-");

	(void)state;
	assert_string_equal(query, "delimiter=&list-type=2&prefix=a%2Fb%20c");
	assert_string_equal(path, "a%20b/c%252Fd/~_.-");
}

static void credentials_files_are_read_as_amazons_tools_do(void **state)
{
	static const char text[] = "# comment\n[default]\naws_access_key_id = AKID\r\naws_secret_access_key=abc/+=\n\n"
		"[ other ]\naws_access_key_id=B\naws_session_token=tok\naws_secret_access_key = s\n[broken]\naws_access_key_id=C\n";
	struct s3_keys k = { .key = NULL };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(s3_cred_parse(text, strlen(text), "default", &k, &err), 0);
	assert_string_equal(k.id, "AKID");
	assert_int_equal(secret_len(k.key), 6);
	assert_memory_equal(secret_bytes(k.key), "abc/+=", 6);
	assert_null(k.session);
	s3_keys_clear(&k);
	assert_int_equal(s3_cred_parse(text, strlen(text), "other", &k, &err), 0);
	assert_string_equal(k.id, "B");
	assert_non_null(k.session);
	s3_keys_clear(&k);
	assert_int_equal(s3_cred_parse(text, strlen(text), "broken", &k, &err), -EINVAL);
	assert_int_equal(s3_cred_parse(text, strlen(text), "none", &k, &err), -EINVAL);
}

static void errors_are_read_from_xml_alone(void **state)
{
	static const char text[] = "<?xml version='1.0'?><Error><Code>NoSuchKey</Code><Message>a\x1b[1mb</Message></Error>";
	static const char honest[] = "<Error><Code>SlowDown</Code><Message>Please reduce</Message></Error>";
	struct s3_error e;

	(void)state;
	s3_error_parse(honest, strlen(honest), &e);
	assert_string_equal(e.code, "SlowDown");
	assert_string_equal(e.message, "Please reduce");
	s3_error_parse(text, strlen(text), &e);		/* an escape is no XML */
	assert_string_equal(e.code, "");
	s3_error_parse("<html>", 6, &e);
	assert_string_equal(e.code, "");
	s3_error_parse(NULL, 0, &e);
	assert_string_equal(e.code, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_examples_come_out),
		cmocka_unit_test(parameters_and_paths_are_encoded_as_signed),
		cmocka_unit_test(credentials_files_are_read_as_amazons_tools_do),
		cmocka_unit_test(errors_are_read_from_xml_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
