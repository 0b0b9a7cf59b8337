/* SPDX-License-Identifier: Apache-2.0 */
/* Disks behind HTTP: their addresses, lists of pages, and what the lists say of chunks. */
#include "fs/image/pagemap.h"
#include "fs/image/webfile_private.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static int parse(const char *spec, const char *sas, struct webfile_address *a)
{
	AUTO(secret_free) struct secret *s = sas ? secret_copy(sas, strlen(sas)) : NULL;

	return webfile_address_parse(spec, s, a, NULL);
}

static bool query_is(const struct webfile_address *a, const char *text)
{
	return a->query && secret_len(a->query) == strlen(text) &&
	       !memcmp(secret_bytes(a->query), text, strlen(text));
}

static void addresses_of_blobs_are_read(void **state)
{
	AUTO(webfile_address_clear) struct webfile_address a, b, c, d;

	(void)state;
	assert_int_equal(parse("az://acct/disks/web 1/os.vhd?snapshot=2026-11-26T02%3A00:00Z", NULL, &a), 0);
	assert_true(a.azure);
	assert_string_equal(a.account, "acct");
	assert_string_equal(a.path, "disks/web 1/os.vhd");
	assert_string_equal(a.snapshot, "2026-11-26T02:00:00Z");
	assert_null(a.endpoint);
	assert_null(a.query);
	assert_int_equal(parse("https://acct.blob.core.windows.net/disks/web%201/os.vhd", "sv=1&snapshot=T&sig=x%3D", &b), 0);
	assert_true(b.azure);
	assert_string_equal(b.endpoint, "https://acct.blob.core.windows.net");
	assert_string_equal(b.path, "disks/web 1/os.vhd");
	assert_string_equal(b.snapshot, "T");
	assert_true(query_is(&b, "sv=1&sig=x%3D"));
	assert_int_equal(parse("https://md-a1.z22.blob.storage.azure.net/cont/abcd", "sv=1&sig=x", &c), 0);
	assert_true(c.azure);
	assert_string_equal(c.account, "md-a1");
	assert_int_equal(parse("http://127.0.0.1:10000/devstoreaccount1/d/b", "sv=1&sr=b&sig=y", &d), 0);
	assert_true(d.azure);
	assert_string_equal(d.endpoint, "http://127.0.0.1:10000");
	assert_string_equal(d.path, "devstoreaccount1/d/b");
}

static void addresses_of_files_keep_their_query(void **state)
{
	AUTO(webfile_address_clear) struct webfile_address a;

	(void)state;
	assert_int_equal(parse("https://files.example:8443/d/os.raw", "X-Amz-Signature=ab&b=%20", &a), 0);
	assert_false(a.azure);
	assert_string_equal(a.url, "https://files.example:8443/d/os.raw");
	assert_true(query_is(&a, "X-Amz-Signature=ab&b=%20"));
	assert_null(a.snapshot);
}

static void other_addresses_are_refused(void **state)
{
	static const char *const bad[] = { "az://", "az://acct", "az://acct/disks", "az://acct/disks/", "az:///d/b",
		"https://", "https://h", "https://h/", "https://u@h/f", "https://h/f#x", "/local/os.vhd",
		"https://acct.blob.core.windows.net/disks", "https://acct.blob.core.windows.net/disks/%0",
		"https://acct.blob.core.windows.net/disks/a%00b", "https://files.example/f?snapshot=T" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		AUTO(webfile_address_clear) struct webfile_address a = { .azure = false };

		if (parse(bad[i], NULL, &a) != -EINVAL)
			fail_msg("%s was taken", bad[i]);
	}
}

static int list(struct page_list *l, const char *xml)
{
	return page_list_parse(l, xml, strlen(xml), 4096, 1u << 20, NULL);
}

static void page_lists_are_read(void **state)
{
	__attribute__((cleanup(page_list_clear_cleanup))) struct page_list l = { .n = 0 };

	(void)state;
	assert_int_equal(list(&l, "<?xml version=\"1.0\"?><PageList><PageRange><Start>4096</Start><End>8191</End>"
			      "</PageRange><ClearRange><Start>8192</Start><End>8703</End></ClearRange>"
			      "<PageRange><Start>65536</Start><End>1048575</End></PageRange>"
			      "<NextMarker>2!4</NextMarker></PageList>"), 0);
	assert_int_equal(l.n, 3);
	assert_int_equal(l.at[0].off, 4096);
	assert_int_equal(l.at[0].len, 4096);
	assert_false(l.at[0].clear);
	assert_int_equal(l.at[1].len, 512);
	assert_true(l.at[1].clear);
	assert_int_equal(l.at[2].off + l.at[2].len, 1u << 20);
	assert_string_equal(l.next, "2!4");
	assert_int_equal(list(&l, "<PageList><NextMarker/></PageList>"), 0);
	assert_int_equal(l.n, 0);
	assert_null(l.next);
}

static void page_lists_that_mislead_are_refused(void **state)
{
	static const char *const bad[] = { "", "<PageList>", "<Error><Code>X</Code></Error>",
		"<PageList><PageRange><Start>0</Start><End>511</End></PageRange></PageList>",
		"<PageList><PageRange><Start>4096</Start><End>1049087</End></PageRange></PageList>",
		"<PageList><PageRange><Start>4096</Start></PageRange></PageList>",
		"<PageList><PageRange><Start>8192</Start><End>8191</End></PageRange></PageList>",
		"<PageList><PageRange><Start>8192</Start><End>4607</End></PageRange></PageList>",
		"<PageList><PageRange><Start>4097</Start><End>8191</End></PageRange></PageList>",
		"<PageList><PageRange><Start>-4096</Start><End>8191</End></PageRange></PageList>",
		"<PageList><PageRange><Start>4096</Start><End>99999999999999999999</End></PageRange></PageList>",
		"<PageList><PageRange><Start>8192</Start><End>8703</End></PageRange>"
		"<PageRange><Start>4096</Start><End>4607</End></PageRange></PageList>" };
	struct page_list l = { .n = 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (list(&l, bad[i]) != -EBADMSG)
			fail_msg("taken: %s", bad[i]);
	page_list_clear(&l);
}

static void chunks_without_a_range_are_holes(void **state)
{
	uint64_t size = PAGEMAP_WINDOW + (1u << 20) + 512, from, to, last = size / 65536, n;
	AUTO(pagemap_free) struct pagemap *m = pagemap_new(size, 65536);
	bool hole;

	(void)state;
	assert_non_null(m);
	assert_false(pagemap_is_hole(m, 0));
	n = pagemap_run(m, 0, last + 1, &hole);
	assert_false(hole);
	assert_int_equal(n, last + 1);
	assert_true(pagemap_take(m, 5));
	assert_false(pagemap_take(m, 4096));
	pagemap_mark(m, 65536 * 3 - 1, 2);
	pagemap_mark(m, 65536 * 100, 65536 * 30);
	pagemap_filled(m, 0, true);
	assert_true(pagemap_is_hole(m, 1));
	assert_false(pagemap_is_hole(m, 2));
	assert_false(pagemap_is_hole(m, 3));
	assert_int_equal(pagemap_run(m, 4, last, &hole), 96);
	assert_true(hole);
	assert_int_equal(pagemap_run(m, 101, last, &hole), 29);
	assert_false(hole);
	n = pagemap_run(m, 130, last + 1 - 130, &hole);
	assert_true(hole);
	assert_int_equal(130 + n, PAGEMAP_WINDOW / 65536);
	pagemap_window(m, size - 1, &from, &to);
	assert_int_equal(from, PAGEMAP_WINDOW);
	assert_int_equal(to, size);
	assert_true(pagemap_take(m, size - 1));
	pagemap_filled(m, size - 1, false);
	assert_false(pagemap_is_hole(m, last));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_of_blobs_are_read),
		cmocka_unit_test(addresses_of_files_keep_their_query),
		cmocka_unit_test(other_addresses_are_refused),
		cmocka_unit_test(page_lists_are_read),
		cmocka_unit_test(page_lists_that_mislead_are_refused),
		cmocka_unit_test(chunks_without_a_range_are_holes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
