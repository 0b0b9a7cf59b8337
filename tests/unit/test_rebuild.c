/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rebuild/ holds, against golden files in tests/data/rebuild, which the
 * end-to-end tests parse with each language's own tools.  After a wanted
 * change: ADE_GOLDEN=write build/release/tests/unit/test_rebuild, and read
 * the difference.
 */
#include "fs/azure/quote.h"
#include "fs/azure/rebuild.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define HOSTILE "a'b\"$(id)`id`\xe2\x80\x99;{0}\\%PATH% & <x>"

static struct vm_model *load(const char *path)
{
	AUTO(azure_settings_free) struct azure_settings *s = azure_settings_load(path, NULL);

	assert_non_null(s);
	return vm_model_new(s->document, NULL);
}

static void add_disk(struct rebuild *r, int lun, const char *folder)
{
	struct rebuild_disk *d = &r->disk[r->n_disks++];

	*d = (struct rebuild_disk){ .role = lun < 0 ? MACHINE_OS_DISK : MACHINE_DATA_DISK, .lun = lun,
				    .size = 1ull << 30 };
	snprintf(d->folder, sizeof(d->folder), "%s", folder);
}

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 1 << 16);

	assert_non_null(text);
	if (f && fread(text, 1, (1 << 16) - 1, f) == 0)
		text[0] = '\0';
	if (f)
		fclose(f);
	return text;
}

static void check_file(const struct rebuild *r, const char *name, enum rebuild_file which)
{
	struct error err = ERROR_INIT;
	AUTO(free) char *text = rebuild_text(r, which, &err), *want = NULL;
	const char *write = getenv("ADE_GOLDEN");
	char path[200];

	if (!text)
		fail_msg("%s: %s", rebuild_file_name(which), err.text);
	snprintf(path, sizeof(path), "tests/data/rebuild/%s.%s.golden", name, rebuild_file_name(which));
	if (write && !strcmp(write, "write")) {
		FILE *f = fopen(path, "w");

		assert_non_null(f);
		fputs(text, f);
		fclose(f);
	}
	want = read_file(path);
	if (strcmp(text, want))
		fail_msg("%s is not what is written now:\n%s", path, text);
}

static void check_all(const struct rebuild *r, const char *name)
{
	for (int i = 0; i < REBUILD_N_FILES; i++)
		check_file(r, name, i);
}

static void a_windows_vm_of_generation_2_as_stored(void **state)
{
	AUTO(vm_model_free) struct vm_model *v = load("tests/data/azure/vm-gen2-trusted.json");
	AUTO(free) struct rebuild *r = calloc(1, sizeof(*r));

	(void)state;
	*r = (struct rebuild){ .title = "win2", .vm = v, .images = "/mnt/win2", .os = MACHINE_WINDOWS,
			       .generation = MACHINE_GEN2, .why = "by the VM's description", .bootable = true,
			       .encrypted = true };
	add_disk(r, -1, "os");
	add_disk(r, 3, "lun3");
	check_all(r, "windows2-encrypted");
}

static void a_linux_vm_of_generation_1_decrypted(void **state)
{
	AUTO(vm_model_free) struct vm_model *v = load("tests/data/azure/managed-kek-aad-linux.json");
	AUTO(free) struct rebuild *r = calloc(1, sizeof(*r));

	(void)state;
	*r = (struct rebuild){ .title = "vm1", .vm = v, .images = "/mnt/vm1", .os = MACHINE_LINUX,
			       .generation = MACHINE_GEN1, .why = "by the disk's boot records", .bootable = true };
	add_disk(r, -1, "os");
	add_disk(r, 0, "lun0");
	check_all(r, "linux1-decrypted");
}

/* Dual pass: the settings stand in the VM's model.  Linux takes the BEK volume read-only. */
static void a_dual_pass_linux_vm_as_stored(void **state)
{
	AUTO(vm_model_free) struct vm_model *v = load("tests/data/azure/managed-kek-aad-linux.json");
	AUTO(free) struct rebuild *r = calloc(1, sizeof(*r));

	(void)state;
	*r = (struct rebuild){ .title = "vm1", .vm = v, .images = "/mnt/vm1", .os = MACHINE_LINUX,
			       .generation = MACHINE_GEN1, .why = "by the disk's boot records", .bootable = true,
			       .encrypted = true };
	add_disk(r, -1, "");
	check_all(r, "linux1-encrypted");
}

static void names_and_paths_stay_text(void **state)
{
	AUTO(vm_model_free) struct vm_model *v = vm_model_new(NULL, NULL);
	AUTO(free) struct rebuild *r = calloc(1, sizeof(*r));

	(void)state;
	*r = (struct rebuild){ .title = HOSTILE "\n'; calc #\r\x1b[31m", .vm = v, .images = "/mnt/" HOSTILE "}/x",
			       .os = MACHINE_LINUX, .generation = MACHINE_GEN2, .why = "a guess" };
	add_disk(r, -1, "os" HOSTILE);
	add_disk(r, 7, "[lun7" HOSTILE);
	check_all(r, "hostile");
}

static void what_xml_cannot_say_is_not_written(void **state)
{
	AUTO(vm_model_free) struct vm_model *v = vm_model_new(NULL, NULL);
	AUTO(free) struct rebuild *r = calloc(1, sizeof(*r));
	static const char *const bad[] = { "/mnt/\xff", "/mnt/\x01", "/mnt/\xed\xa0\x80", "/mnt/\xc0\xaf", "/mnt/\xf4\x90\x80\x80",
					   "/mnt/\xe2\x80", "/mnt/a\nb" };

	(void)state;
	*r = (struct rebuild){ .title = "x", .vm = v, .os = MACHINE_LINUX, .generation = MACHINE_GEN1 };
	add_disk(r, -1, "os");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error err = ERROR_INIT;

		r->images = bad[i];
		assert_null(rebuild_text(r, REBUILD_LIBVIRT_XML, &err));
		assert_int_equal(err.code, EINVAL);
		free(rebuild_text(r, REBUILD_README, &err));
	}
}

static void check_quote(void (*quote)(FILE *, const char *), const char *text, const char *want)
{
	char got[256] = "";
	FILE *f = fmemopen(got, sizeof(got), "w");

	assert_non_null(f);
	quote(f, text);
	fclose(f);
	assert_string_equal(got, want);
}

static void each_language_has_its_quotes(void **state)
{
	(void)state;
	check_quote(quote_sh, "plain/word-1.x", "plain/word-1.x");
	check_quote(quote_sh, "", "''");
	check_quote(quote_sh, "a'b $(x)\n", "'a'\\''b $(x)\n'");
	check_quote(quote_powershell, "a'b $x", "'a''b $x'");
	check_quote(quote_powershell, "\xe2\x80\x98\xe2\x80\x99\xe2\x80\x9a\xe2\x80\x9b\xe2\x80\x9c",
		    "'\xe2\x80\x98\xe2\x80\x98\xe2\x80\x99\xe2\x80\x99\xe2\x80\x9a\xe2\x80\x9a\xe2\x80\x9b\xe2\x80\x9b\xe2\x80\x9c'");
	check_quote(quote_words, "a\nb\x1b[1m\xff\xe2\x80\xae\xc3\xa9", "a?b?[1m??\xc3\xa9");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_windows_vm_of_generation_2_as_stored),
		cmocka_unit_test(a_linux_vm_of_generation_1_decrypted),
		cmocka_unit_test(a_dual_pass_linux_vm_as_stored),
		cmocka_unit_test(names_and_paths_stay_text),
		cmocka_unit_test(what_xml_cannot_say_is_not_written),
		cmocka_unit_test(each_language_has_its_quotes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
