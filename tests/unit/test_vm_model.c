/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes: Azure's tables of each series, some of every kind of name. */
#include "fs/azure/vm_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void check_size(const char *size, bool known, unsigned cpus, uint64_t mib)
{
	unsigned got_cpus;
	uint64_t got_mib;
	bool got = vm_size_look(size, &got_cpus, &got_mib);

	if (got != known || got_cpus != cpus || got_mib != mib)
		fail_msg("%s: %d, %u CPUs, %llu MiB", size, got, got_cpus, (unsigned long long)got_mib);
}

static void sizes_are_those_of_azures_tables(void **state)
{
	(void)state;
	check_size("Standard_D2s_v3", true, 2, 8192);
	check_size("standard_d4ds_v5", true, 4, 16384);
	check_size("Standard_D4ls_v5", true, 4, 8192);
	check_size("Standard_DS2_v2", true, 2, 7168);
	check_size("Standard_DS13-4_v2", true, 4, 57344);
	check_size("Standard_D1", true, 1, 3584);
	check_size("Standard_A1", true, 1, 1792);
	check_size("Basic_A0", true, 1, 768);
	check_size("Standard_A4_v2", true, 4, 8192);
	check_size("Standard_A4m_v2", true, 4, 32768);
	check_size("Standard_B1ls", true, 1, 512);
	check_size("Standard_B1s", true, 1, 1024);
	check_size("Standard_B1ms", true, 1, 2048);
	check_size("Standard_B2s", true, 2, 4096);
	check_size("Standard_B2ms", true, 2, 8192);
	check_size("Standard_B20ms", true, 20, 81920);
	check_size("Standard_B2ts_v2", true, 2, 1024);
	check_size("Standard_B2als_v2", true, 2, 4096);
	check_size("Standard_B2as_v2", true, 2, 8192);
	check_size("Standard_E4-2ds_v5", true, 2, 32768);
	check_size("Standard_E20s_v3", true, 20, 163840);
	check_size("Standard_E64s_v3", true, 64, 442368);
	check_size("Standard_E96as_v5", true, 96, 688128);
	check_size("Standard_F4s_v2", true, 4, 8192);
	check_size("Standard_F8s", true, 8, 16384);
	check_size("Standard_GS3", true, 8, 114688);
	check_size("Standard_L8s_v2", true, 8, 65536);
	check_size("Standard_DC4as_v5", true, 4, 16384);
	check_size("Standard_DC4s_v3", true, 4, 32768);
}

static void what_is_no_known_size_is_a_guess_or_nothing(void **state)
{
	(void)state;
	check_size("Standard_Z8_v9", false, 8, 32768);
	check_size("Standard_D99", false, 99, 405504);
	check_size("Standard_D99999999999999999999s_v3", false, 0, 0);
	check_size("[parameters('vmSize')]", false, 0, 0);
	check_size("", false, 0, 0);
	check_size(NULL, false, 0, 0);
	check_size("Standard_D", false, 0, 0);
}

static struct vm_model *load(const char *path)
{
	AUTO(azure_settings_free) struct azure_settings *s = azure_settings_load(path, NULL);

	return s ? vm_model_new(s->document, NULL) : NULL;
}

static void a_description_says_what_the_vm_was(void **state)
{
	AUTO(vm_model_free) struct vm_model *v = load("tests/data/azure/vm-gen2-trusted.json");
	struct machine m;

	(void)state;
	assert_non_null(v);
	assert_string_equal(v->name, "win2");
	assert_string_equal(v->location, "westeurope");
	assert_int_equal(v->os, VM_OS_WINDOWS);
	assert_int_equal(v->generation, 2);
	assert_true(v->secure_boot && v->vtpm && !v->confidential && v->size_known);
	assert_int_equal(v->n_nics, 2);
	assert_true(v->nic[0].primary && !v->nic[1].primary);
	assert_non_null(strstr(v->nic[1].id, "win2-b"));
	assert_int_equal(v->settings->n_secrets, 1);
	machine_init(&m, v->name, MACHINE_LINUX, MACHINE_GEN1);
	vm_model_apply(v, &m);
	assert_int_equal(m.os, MACHINE_WINDOWS);
	assert_int_equal(m.generation, MACHINE_GEN2);
	assert_int_equal(m.cpus, 2);
	assert_int_equal(m.memory_mib, 32768);
}

/* UTF-16, names with dots, NULs behind it. */
static void the_config_of_restore_disks_is_one(void **state)
{
	AUTO(vm_model_free) struct vm_model *v = load("tests/data/azure/unmanaged-kek-aad-windows.json");

	(void)state;
	assert_non_null(v);
	assert_int_equal(v->os, VM_OS_WINDOWS);
	assert_int_equal(v->generation, 0);
	assert_string_equal(v->size, "Standard_D2s_v3");
	assert_int_equal(v->cpus, 2);
}

static void without_a_description_nothing_is_known(void **state)
{
	AUTO(vm_model_free) struct vm_model *v = vm_model_new(NULL, NULL);
	struct machine m, before;

	(void)state;
	assert_true(v && !v->os && !v->generation && !v->cpus && !v->settings);
	machine_init(&m, "x", MACHINE_WINDOWS, MACHINE_GEN2);
	before = m;
	vm_model_apply(v, &m);
	assert_memory_equal(&m, &before, sizeof(m));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_those_of_azures_tables),
		cmocka_unit_test(what_is_no_known_size_is_a_guess_or_nothing),
		cmocka_unit_test(a_description_says_what_the_vm_was),
		cmocka_unit_test(the_config_of_restore_disks_is_one),
		cmocka_unit_test(without_a_description_nothing_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
