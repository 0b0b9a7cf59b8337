/* SPDX-License-Identifier: Apache-2.0 */
/* What remote stores are told and say: addresses, dates, ranges, lists, SAS, what is signed. */
#include "fs/net/azure_sign.h"
#include "fs/net/connection_string.h"
#include "fs/net/http_date.h"
#include "fs/store/address.h"
#include "fs/store/remote.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void dates_are_read_and_written(void **state)
{
	char text[HTTP_DATE_TEXT], amz[AMZ_DATE_TEXT];
	static const char *const bad[] = { "", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 6 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nox 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT", "1994-11-06 08:49:37Z",
		"1994-13-06T08:49:37Z", "1994-11-06T08:49:37.Z", "1994-11-00T08:49:37Z", "1900-01-01T00:00:00Z" };
	int64_t at;

	(void)state;
	assert_int_equal(http_date_parse("Sun, 06 Nov 1994 08:49:37 GMT", &at), 0);
	assert_int_equal(at, 784111777);
	assert_int_equal(http_date_parse("1994-11-06T08:49:37.123Z", &at), 0);
	assert_int_equal(at, 784111777);
	http_date_print(784111777, text);
	assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
	amz_date_print(784111777, amz);
	assert_string_equal(amz, "19941106T084937Z");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(http_date_parse(bad[i], &at), -EINVAL);
}

static void addresses_are_told_apart(void **state)
{
	struct store_address a;

	(void)state;
	assert_int_equal(store_kind_of("/backup"), STORE_DIR);
	assert_int_equal(store_kind_of("az:x"), STORE_DIR);
	assert_int_equal(store_kind_of("gs://b"), STORE_UNKNOWN);
	assert_int_equal(store_address_parse("az://acct/cont", &a, NULL), 0);
	assert_string_equal(a.host, "acct");
	assert_string_equal(a.root, "cont");
	assert_string_equal(a.prefix, "");
	store_address_clear(&a);
	assert_int_equal(store_address_parse("https://acct.blob.core.windows.net/cont/a/b/", &a, NULL), 0);
	assert_int_equal(a.kind, STORE_AZ);
	assert_string_equal(a.host, "acct");
	assert_string_equal(a.root, "cont");
	assert_string_equal(a.prefix, "a/b/");
	assert_string_equal(a.endpoint, "https://acct.blob.core.windows.net");
	store_address_clear(&a);
	assert_int_equal(store_address_parse("s3://my.bucket/p", &a, NULL), 0);
	assert_string_equal(a.host, "my.bucket");
	assert_string_equal(a.prefix, "p/");
	store_address_clear(&a);
	assert_int_equal(store_address_parse("https://files.example/v/", &a, NULL), 0);
	assert_int_equal(a.kind, STORE_HTTP);
	assert_string_equal(a.endpoint, "https://files.example/v");
	store_address_clear(&a);
}

static void addresses_that_mislead_are_refused(void **state)
{
	static const char *const bad[] = { "az://", "az://acct", "az://acct/", "az://acct/Cont", "az://acct/c/../d",
		"az://acct/c/a b", "az://acct/cont?sig=x", "az://acct/c/.x", "s3://", "s3://ab", "s3://Bucket",
		"s3://bucket/a//b", "s3://bucket?x", "https://h/p?x=1", "https://u@h/p", "https://h/#f" };
	struct store_address a;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (store_address_parse(bad[i], &a, NULL) != -EINVAL)
			fail_msg("%s was taken", bad[i]);
		store_address_clear(&a);
	}
}

/* An answer with one header. */
static int answer(int status, size_t body, const char *header, struct range *r)
{
	char headers[256];
	struct http_response rs = { .status = status, .len = body, .headers = headers };
	int n = header ? snprintf(headers, sizeof(headers), "content-range%c%s", 0, header) : -1;

	rs.headers_len = (size_t)(n + 1);
	return check_range(r, &rs, NULL);
}

static void only_the_range_asked_for_is_taken(void **state)
{
	struct range r = { .off = 100, .len = 50 };

	(void)state;
	assert_int_equal(answer(206, 50, "bytes 100-149/1000", &r), 0);
	assert_int_equal(r.got, 50);
	assert_int_equal(answer(206, 20, "bytes 100-119/120", &r), 0);
	assert_int_equal(r.got, 20);
	assert_int_equal(answer(206, 20, "bytes 100-119/1000", &r), -EIO);	/* less than there is */
	assert_int_equal(answer(206, 50, "bytes 0-49/1000", &r), -EIO);
	assert_int_equal(answer(206, 49, "bytes 100-149/1000", &r), -EIO);
	assert_int_equal(answer(206, 51, "bytes 100-150/1000", &r), -EIO);
	assert_int_equal(answer(206, 50, "bytes 100-149/149", &r), -EIO);
	assert_int_equal(answer(206, 50, "bytes 100-149/*", &r), -EIO);
	assert_int_equal(answer(206, 50, NULL, &r), -EIO);
	assert_int_equal(answer(200, 150, NULL, &r), -ENOTSUP);
	assert_int_equal(answer(416, 10, NULL, &r), 0);
	assert_int_equal(r.got, 0);
	r = (struct range){ .off = 0, .len = 50 };
	assert_int_equal(answer(200, 20, NULL, &r), 0);
	assert_int_equal(r.got, 20);
}

static void lists_are_read_or_refused_whole(void **state)
{
	static const char azure[] = "<EnumerationResults><Blobs><Blob><Name>a&amp;b</Name><Properties><Content-Length>7"
		"</Content-Length><Last-Modified>Sun, 06 Nov 1994 08:49:37 GMT</Last-Modified></Properties></Blob>"
		"</Blobs><NextMarker>m</NextMarker></EnumerationResults>";
	static const char untimed[] = "<EnumerationResults><Blobs><Blob><Name>a</Name><Properties><Content-Length>7"
		"</Content-Length></Properties></Blob></Blobs></EnumerationResults>";
	static const char s3[] = "<x:ListBucketResult xmlns:x='y'><x:Contents><x:Key>k</x:Key><x:LastModified>"
		"1994-11-06T08:49:37.000Z</x:LastModified><x:Size>0</x:Size></x:Contents></x:ListBucketResult>";
	static const char nginx[] = "[{\"name\":\"d\",\"type\":\"directory\",\"mtime\":\"Sun, 06 Nov 1994 08:49:37 GMT\"}]";
	struct listing l = { .n = 0 };

	(void)state;
	assert_int_equal(listing_azure(&l, azure, strlen(azure), NULL), 0);
	assert_int_equal(l.n, 1);
	assert_string_equal(l.at[0].name, "a&b");
	assert_int_equal(l.at[0].size, 7);
	assert_string_equal(l.next, "m");
	for (size_t cut = 0; cut < strlen(azure); cut++)
		assert_int_equal(listing_azure(&l, azure, cut, NULL), -EBADMSG);
	assert_int_equal(listing_azure(&l, untimed, strlen(untimed), NULL), -EBADMSG);
	assert_int_equal(listing_azure(&l, s3, strlen(s3), NULL), -EBADMSG);
	assert_int_equal(listing_s3(&l, s3, strlen(s3), NULL), 0);
	assert_string_equal(l.at[0].name, "k");
	assert_null(l.next);
	assert_int_equal(listing_nginx(&l, nginx, strlen(nginx), NULL), 0);
	assert_true(l.at[0].folder);
	assert_int_equal(listing_nginx(&l, "<html>", 6, NULL), -EBADMSG);
	listing_clear(&l);
}

static void a_sas_says_when_it_is_valid(void **state)
{
	AUTO(secret_free) struct secret *s = sas_clean(" ?sv=2021-12-02&st=2026-11-26&se=2026-11-26T18%3a30Z&sig=q%3D\n", 60,
						       NULL);
	int64_t at;

	(void)state;
	assert_non_null(s);
	assert_true(sas_time(s, "se", &at));
	assert_int_equal(at, 1795717800);
	assert_true(sas_time(s, "st", &at));
	assert_int_equal(at, 1795651200);
	assert_false(sas_time(s, "sv2", &at));
	assert_null(sas_clean("sv=1&sig=", 9, NULL));
	assert_null(sas_clean("sv=1", 4, NULL));
	assert_null(sas_clean("sig=a b", 7, NULL));
}

static void what_is_signed_is_in_the_documented_order(void **state)
{
	static const char *const headers[] = { "x-ms-version: 2021-12-02", "Content-Type: text/plain",
		"x-ms-blob-type: BlockBlob", "x-ms-date: Sun, 06 Nov 1994 08:49:37 GMT", "If-None-Match: *" };
	static const struct http_param params[] = { { "restype", "container" }, { "Comp", "list" } };
	struct azure_sign_request rq = { .method = "PUT", .account = "acct", .path = "/c/b%20c", .params = params,
		.n_params = 2, .headers = headers, .n_headers = 5, .body_len = 11 };
	AUTO(free) char *text = azure_string_to_sign(&rq);

	(void)state;
	assert_string_equal(text, "PUT\n\n\n11\n\ntext/plain\n\n\n\n*\n\n\n"
			    "x-ms-blob-type:BlockBlob\nx-ms-date:Sun, 06 Nov 1994 08:49:37 GMT\nx-ms-version:2021-12-02\n"
			    "/acct/c/b%20c\ncomp:list\nrestype:container");
}

static void connection_strings_are_taken_apart(void **state)
{
	static const char text[] = "DefaultEndpointsProtocol=https;AccountName=a;accountkey=QUJD==;x";
	AUTO(secret_free) struct secret *s = secret_copy(text, strlen(text));
	AUTO(secret_free) struct secret *key = connection_string_part(s, "AccountKey");

	(void)state;
	assert_true(connection_string_is(s));
	assert_int_equal(secret_len(key), 6);
	assert_memory_equal(secret_bytes(key), "QUJD==", 6);
	assert_null(connection_string_part(s, "BlobEndpoint"));
}

/* An answer of that status, then the patience with a request of len bytes. */
static unsigned patience(struct remote_clock *c, int status, unsigned base_ms, size_t len, unsigned *tries)
{
	struct http_response rs = { .status = status };
	struct http_request rq = { .method = "GET" };

	if (status)
		remote_clock_note(c, &rs);
	remote_patience(c, base_ms, len, &rq);
	*tries = rq.max_tries;
	assert_int_equal(rq.deadline_ms, rq.quiet_ms + len / 131072 * 1000);	/* its bytes take their time */
	return rq.quiet_ms;
}

static void who_has_been_waited_for_in_vain_is_given_up_sooner(void **state)
{
	struct remote_clock c;
	unsigned tries, never, known;

	(void)state;
	remote_clock_init(&c);
	never = patience(&c, 0, 0, 0, &tries);
	assert_int_equal(tries, 5);
	assert_int_equal(patience(&c, 503, 0, 0, &tries), never);	/* that is no answer */
	known = patience(&c, 200, 0, 0, &tries);
	assert_true(known > 2 * never && known < 120000);
	assert_int_equal(tries, 20);
	assert_int_equal(patience(&c, 404, 0, 1 << 20, &tries), known);
	remote_clock_silent(&c);
	assert_int_equal(patience(&c, 0, 0, 0, &tries), never);
	assert_int_equal(tries, 20);		/* a short break is still not the end */
	assert_int_equal(patience(&c, 206, 0, 0, &tries), known);
	assert_int_equal(patience(&c, 503, 0, 0, &tries), never);	/* it stayed busy */
	assert_int_equal(patience(&c, 200, 7000, 0, &tries), 7000);
	remote_clock_silent(&c);
	assert_int_equal(patience(&c, 0, 7000, 0, &tries), 7000);
	assert_int_equal(patience(&c, 0, 300000, 0, &tries), never);
	assert_int_equal(patience(&c, 200, 300000, 0, &tries), 300000);
	pthread_mutex_destroy(&c.lock);
}

static int put_taken(struct store *st, const char *name, const void *data, size_t len, enum put_mode mode,
		     struct error *err)
{
	(void)st, (void)name, (void)data, (void)len, (void)mode;
	return error_set(err, EEXIST, "the name is taken");
}

static int get_nothing(struct store *st, const char *name, uint64_t off, void *buf, size_t len, size_t *got,
		       struct error *err)
{
	(void)st, (void)name, (void)off, (void)buf, (void)len, (void)got;
	return error_set(err, EHOSTUNREACH, "no answer");
}

static int get_other(struct store *st, const char *name, uint64_t off, void *buf, size_t len, size_t *got,
		     struct error *err)
{
	(void)st, (void)name, (void)err;
	*got = off || len < 5 ? 0 : 5;
	memcpy(buf, "other", *got);
	return 0;
}

static void a_name_is_taken_by_others_only_if_that_was_read(void **state)
{
	static const struct store_ops mute = { .put = put_taken, .get = get_nothing };
	static const struct store_ops other = { .put = put_taken, .get = get_other };
	struct store st = { .ops = &mute };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(store_put_once(&st, "x", "mine!", 5, &err), -EHOSTUNREACH);
	assert_string_equal(err.text, "no answer");
	st.ops = &other;
	assert_int_equal(store_put_once(&st, "x", "mine!", 5, &err), -EEXIST);
	assert_string_equal(err.text, "the name is taken");
	assert_int_equal(store_put_once(&st, "x", "mi", 2, &err), -EEXIST);
	assert_int_equal(store_put_once(&st, "x", "other", 5, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_are_read_and_written),
		cmocka_unit_test(addresses_are_told_apart),
		cmocka_unit_test(addresses_that_mislead_are_refused),
		cmocka_unit_test(only_the_range_asked_for_is_taken),
		cmocka_unit_test(lists_are_read_or_refused_whole),
		cmocka_unit_test(a_sas_says_when_it_is_valid),
		cmocka_unit_test(what_is_signed_is_in_the_documented_order),
		cmocka_unit_test(connection_strings_are_taken_apart),
		cmocka_unit_test(who_has_been_waited_for_in_vain_is_given_up_sooner),
		cmocka_unit_test(a_name_is_taken_by_others_only_if_that_was_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
