/* SPDX-License-Identifier: Apache-2.0 */
/* Fixtures: tests/make/azure-fixtures, one file a case of the support matrix. */
#include "fs/azure/settings.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define SECRET "https://contoso.vault.azure.net/secrets/B3284AAA-DAAA-4AAA-B393-60CAA848AAAA/xx000000xx0849999f3xx30000003163"
#define KEK "https://contoso.vault.azure.net/keys/kek1/0123456789abcdef0123456789abcdef"

static void check_case(bool managed, bool kek, bool aad, bool windows)
{
	char path[200];
	struct error err = ERROR_INIT;

	snprintf(path, sizeof(path), "tests/data/azure/%s-%s-%s-%s.json", managed ? "managed" : "unmanaged",
		 kek ? "kek" : "bek", aad ? "aad" : "noaad", windows ? "windows" : "linux");
	AUTO(azure_settings_free) struct azure_settings *s = azure_settings_load(path, &err);
	if (!s)
		fail_msg("%s: %s", path, err.text);
	assert_true(s->enabled);
	assert_int_equal(s->mechanism, aad ? ADE_DUAL_PASS : ADE_SINGLE_PASS);
	assert_int_equal(s->n_secrets, 1);
	assert_string_equal(s->secrets[0].secret_url, SECRET);
	if (kek)
		assert_string_equal(s->secrets[0].kek_url, KEK);
	else
		assert_null(s->secrets[0].kek_url);
	if (!aad)
		return;
	assert_int_equal(s->n_disks, 2);
	assert_int_equal(s->disks[0].lun, -1);
	assert_int_equal(s->disks[0].is_windows, windows);
	assert_int_equal(s->disks[0].is_linux, !windows);
	assert_int_equal(s->disks[1].lun, 0);
	assert_int_equal(s->managed, managed);
	assert_non_null(strstr(s->disks[1].uri, managed ? "/disks/vm1-data0" : "/vm1-data0.vhd"));
	assert_string_equal(s->vm_name, "vm1");
	assert_string_equal(s->vm_size, "Standard_D2s_v3");
}

static void each_case_of_the_matrix_names_its_secret_and_its_kek(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 16; i++)
		check_case(i & 1, i & 2, i & 4, i & 8);
}

static void a_disk_of_the_oldest_api_is_read(void **state)
{
	AUTO(azure_settings_free) struct azure_settings *s =
		azure_settings_load("tests/data/azure/disk-2016-04-30-preview.json", NULL);

	(void)state;
	assert_non_null(s);
	assert_true(s->enabled);
	assert_string_equal(s->secrets[0].kek_url, KEK);
}

static void a_recovery_point_and_the_encryption_info_hold_the_values_too(void **state)
{
	AUTO(azure_settings_free) struct azure_settings *point =
		azure_settings_load("tests/data/azure/recovery-point.json", NULL);
	AUTO(azure_settings_free) struct azure_settings *info =
		azure_settings_load("tests/data/azure/encryption-info.json", NULL);

	(void)state;
	assert_true(point && info);
	assert_int_equal(point->mechanism, ADE_SINGLE_PASS);
	assert_string_equal(point->secrets[0].secret_data, "c2VjcmV0");
	assert_string_equal(point->secrets[0].key_backup, "a2V5");
	assert_string_equal(info->secrets[0].secret_data, "c2VjcmV0");
	assert_string_equal(info->secrets[0].key_backup, "a2V5");
	assert_string_equal(info->secrets[0].secret_backup, "YmFja3Vw");
	assert_string_equal(info->secrets[0].kek_url, KEK);
}

static void check_encoding(const char *bytes, size_t len)
{
	AUTO(jval_free) struct jval *v = azure_json_parse(bytes, len, NULL);

	assert_non_null(v);
	assert_string_equal(jval_get_text(v, "a"), "\xc3\xa9\xf0\x9f\x94\x91");
}

static void every_encoding_is_known_by_its_first_bytes(void **state)
{
	static const char le[] = "{\0\"\0a\0\"\0:\0\"\0\xe9\0\x3d\xd8\x11\xdd\"\0}\0";
	static const char be[] = "\0{\0\"\0a\0\"\0:\0\"\0\xe9\xd8\x3d\xdd\x11\0\"\0}";
	char bom[64];

	(void)state;
	check_encoding("{\"a\":\"\xc3\xa9\xf0\x9f\x94\x91\"}\0\0", 17);
	check_encoding("\xef\xbb\xbf{\"a\":\"\xc3\xa9\xf0\x9f\x94\x91\"}", 18);
	check_encoding(le, sizeof(le) - 1);
	check_encoding(le, sizeof(le) - 1);
	check_encoding(be, sizeof(be) - 1);
	memcpy(bom, "\xff\xfe", 2);
	memcpy(bom + 2, le, sizeof(le) - 1);
	check_encoding(bom, sizeof(le) + 1);
	memcpy(bom, "\xfe\xff", 2);
	memcpy(bom + 2, be, sizeof(be) - 1);
	check_encoding(bom, sizeof(be) + 1);
}

static void the_headers_of_a_blob_and_a_list_of_things_are_read(void **state)
{
	static const char headers[] = "HTTP/1.1 200 OK\r\nContent-Length: 512\r\n"
		"X-Ms-Meta-DiskEncryptionSettings: {\"encryptionEnabled\":true,\"encryptionSettings\":"
		"[{\"diskEncryptionKey\":{\"secretUrl\":\"" SECRET "\"}}]}\r\nx-ms-blob-type: PageBlob\r\n\r\n";
	static const char list[] = "{\"value\":[{\"name\":\"os\",\"managedBy\":\"/x/virtualMachines/vm7\"},"
		"{\"name\":\"vm1\",\"properties\":{\"hardwareProfile\":{\"vmSize\":\"A1\"},\"storageProfile\":{"
		"\"osDisk\":{\"name\":\"os\",\"encryptionSettings\":{\"diskEncryptionKey\":"
		"{\"secretUrl\":\"[parameters('secretUrl')]\"}}}}}}]}";
	AUTO(azure_settings_free) struct azure_settings *h = azure_settings_parse(headers, sizeof(headers) - 1, NULL);
	AUTO(azure_settings_free) struct azure_settings *l = azure_settings_parse(list, sizeof(list) - 1, NULL);

	(void)state;
	assert_true(h && l);
	assert_int_equal(h->mechanism, ADE_SINGLE_PASS);
	assert_string_equal(h->secrets[0].secret_url, SECRET);
	assert_string_equal(l->vm_name, "vm1");
	assert_string_equal(l->vm_size, "A1");
	assert_string_equal(l->machine, "vm7");
	assert_int_equal(l->n_secrets, 0);	/* a template's expression is no URL */
}

static void what_opens_disks_is_redacted_and_all_else_kept(void **state)
{
	static const char text[] = "{\"a\":[{\"SecretData\":\"c2VjcmV0\",\"b\":1}],\"keyBackupData\":{\"x\":\"c2VjcmV0\"}}";
	AUTO(jval_free) struct jval *doc = jval_parse(text, strlen(text), NULL);
	AUTO(jval_free) struct jval *kept = azure_redacted(doc);
	AUTO(free) char *got = jval_print(kept, false);

	(void)state;
	assert_string_equal(got, "{\"a\":[{\"SecretData\":null,\"b\":1}],\"keyBackupData\":null}");
}

static void nonsense_has_an_answer(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	assert_null(azure_settings_parse("{}", 2, &err));
	assert_int_equal(err.code, ENOENT);
	assert_null(azure_settings_parse("\0\0\0\0", 4, &err));
	assert_int_equal(err.code, EBADMSG);
	assert_null(azure_settings_parse("", 0, &err));
	assert_int_equal(err.code, EBADMSG);
	assert_null(azure_settings_parse("HTTP/1.1 200 OK\r\n\r\n", 19, &err));
	assert_int_equal(err.code, EBADMSG);
	assert_null(azure_settings_parse("{\0\"\0\x3d\xd8\"\0", 8, &err));
	assert_int_equal(err.code, EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_case_of_the_matrix_names_its_secret_and_its_kek),
		cmocka_unit_test(a_disk_of_the_oldest_api_is_read),
		cmocka_unit_test(a_recovery_point_and_the_encryption_info_hold_the_values_too),
		cmocka_unit_test(every_encoding_is_known_by_its_first_bytes),
		cmocka_unit_test(the_headers_of_a_blob_and_a_list_of_things_are_read),
		cmocka_unit_test(what_opens_disks_is_redacted_and_all_else_kept),
		cmocka_unit_test(nonsense_has_an_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
