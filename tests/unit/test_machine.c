/* SPDX-License-Identifier: Apache-2.0 */
/* A machine's disks come to buses that the guest knows, and its QEMU command says what was decided;
 * KVM is chosen where it can be trusted. */
#include "fs/azure/qemu.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static const struct qemu_options options = { .console = QEMU_CONSOLE_STDIO };

static void add(struct machine *m, enum machine_role role, int lun, const char *file, bool read_only)
{
	assert_non_null(machine_add_disk(m, role, lun, file, read_only, NULL));
}

static void linux_disks_are_scsi_in_order(void **state)
{
	struct machine m;

	(void)state;
	machine_init(&m, "web 01<>", MACHINE_LINUX, MACHINE_GEN1);
	assert_string_equal(m.name, "web-01--");
	add(&m, MACHINE_BEK_DISK, 7, "bek", true);
	add(&m, MACHINE_DATA_DISK, 12, "b", false);
	add(&m, MACHINE_DATA_DISK, 3, "a", false);
	add(&m, MACHINE_OS_DISK, 9, "os", false);
	assert_int_equal(machine_settle(&m, NULL), 0);
	assert_string_equal(m.disk[0].serial, "ade-os");
	assert_string_equal(m.disk[1].serial, "ade-lun3");
	assert_string_equal(m.disk[2].serial, "ade-lun12");
	assert_string_equal(m.disk[3].serial, "ade-bek");
	for (size_t i = 0; i < m.n_disks; i++)
		assert_int_equal(m.disk[i].bus, MACHINE_BUS_SCSI);
	assert_int_equal(m.memory_mib, 2048);
	assert_string_equal(machine_type(&m), "pc");
}

static void windows_of_generation_1_keeps_an_ide_slot_for_the_keys(void **state)
{
	struct machine m;

	(void)state;
	machine_init(&m, "w", MACHINE_WINDOWS, MACHINE_GEN1);
	add(&m, MACHINE_OS_DISK, 0, "os", false);
	for (int lun = 0; lun < 4; lun++)
		add(&m, MACHINE_DATA_DISK, lun, "d", false);
	add(&m, MACHINE_BEK_DISK, 0, "bek", false);
	assert_int_equal(machine_settle(&m, NULL), 0);
	assert_int_equal(m.disk[0].bus, MACHINE_BUS_IDE);
	assert_int_equal(m.disk[2].bus, MACHINE_BUS_IDE);
	assert_int_equal(m.disk[3].bus, MACHINE_BUS_SATA);
	assert_int_equal(m.disk[4].bus, MACHINE_BUS_SATA);
	assert_int_equal(m.disk[5].bus, MACHINE_BUS_IDE);
}

static void what_cannot_start_is_refused(void **state)
{
	struct error err = ERROR_INIT;
	struct machine m;

	(void)state;
	machine_init(&m, "w", MACHINE_WINDOWS, MACHINE_GEN2);
	assert_int_equal(machine_settle(&m, &err), -EINVAL);
	assert_non_null(strstr(err.text, "no OS disk"));
	add(&m, MACHINE_OS_DISK, 0, "os", false);
	add(&m, MACHINE_BEK_DISK, 0, "bek", true);
	assert_int_equal(machine_settle(&m, &err), -EINVAL);
	assert_non_null(strstr(err.text, "read-only"));
	m.disk[1].read_only = false;
	add(&m, MACHINE_DATA_DISK, 1, "a", false);
	add(&m, MACHINE_DATA_DISK, 1, "b", false);
	assert_int_equal(machine_settle(&m, &err), -EINVAL);
	m.n_disks = 2;
	m.bus = MACHINE_BUS_IDE;
	assert_int_equal(machine_settle(&m, &err), -EINVAL);
	m.bus = MACHINE_BUS_AUTO;
	assert_int_equal(machine_settle(&m, &err), 0);
	assert_null(qemu_command_new(&m, &options, &err));	/* no firmware */
	while (m.n_disks < MACHINE_DISKS_MAX)
		add(&m, MACHINE_DATA_DISK, (int)m.n_disks + 100, "d", false);
	assert_null(machine_add_disk(&m, MACHINE_DATA_DISK, 1, "d", false, &err));
}

static bool has_word(const struct qemu_command *c, const char *part)
{
	for (char *const *w = qemu_command_argv(c); *w; w++)
		if (strstr(*w, part))
			return true;
	return false;
}

static void the_command_says_what_was_decided(void **state)
{
	struct machine m;
	struct qemu_options o = options;

	(void)state;
	machine_init(&m, "vm", MACHINE_LINUX, MACHINE_GEN2);
	add(&m, MACHINE_OS_DISK, 0, "/a,b/it's", false);
	add(&m, MACHINE_BEK_DISK, 0, "/bek", true);
	assert_int_equal(machine_settle(&m, NULL), 0);
	o.firmware_code = "/code";
	o.firmware_vars = "/vars";
	o.accel = QEMU_KVM;

	AUTO(qemu_command_free) struct qemu_command *c = qemu_command_new(&m, &o, NULL);
	AUTO(free) char *text = qemu_command_text(c);

	assert_string_equal(qemu_command_argv(c)[0], QEMU_PROGRAM);
	assert_true(has_word(c, "rerror=stop,werror=stop,file=/a,,b/it's"));
	assert_true(has_word(c, "rerror=stop,werror=stop,readonly=on,file=/bek"));
	assert_true(has_word(c, "scsi-hd,drive=ade-os,serial=ade-os,product=ade-os,bus=scsi.0,scsi-id=0,lun=0,bootindex=0"));
	assert_true(has_word(c, "q35"));
	assert_non_null(strstr(text, "-accel kvm"));
	assert_non_null(strstr(text, "-nic none"));
	assert_non_null(strstr(text, "file=/a,,b/it'\\''s'"));
}

static void every_disk_of_a_large_vm_has_a_place(void **state)
{
	static const enum machine_bus buses[] = { MACHINE_BUS_SATA, MACHINE_BUS_SCSI, MACHINE_BUS_IDE };

	(void)state;
	for (size_t b = 0; b < 3; b++) {
		struct machine m;
		size_t drives = 0;

		machine_init(&m, "vm", MACHINE_LINUX, MACHINE_GEN1);
		m.bus = buses[b];
		add(&m, MACHINE_OS_DISK, 0, "os", false);
		for (int i = 0; i < 64; i++)
			add(&m, MACHINE_DATA_DISK, i, "d", false);
		assert_int_equal(machine_settle(&m, NULL), 0);

		AUTO(qemu_command_free) struct qemu_command *c = qemu_command_new(&m, &options, NULL);

		assert_non_null(c);
		for (char *const *w = qemu_command_argv(c); *w; w++)
			drives += strstr(*w, "drive=ade-") != NULL;
		assert_int_equal(drives, 65);
	}
}

static enum qemu_accel choose(enum qemu_accel_wish wish, int kvm_errno, const char *cpuinfo, int expect)
{
	enum qemu_accel accel = QEMU_TCG;
	const char *why = NULL;
	struct error err = ERROR_INIT;

	assert_int_equal(qemu_choose_accel(wish, kvm_errno, cpuinfo, &accel, &why, &err), expect);
	if (!expect)
		assert_true(*why);
	return accel;
}

static void kvm_is_chosen_only_where_it_can_be_trusted(void **state)
{
	static const char amd[] = "processor\t: 0\nflags\t\t: fpu svm sse\n", intel[] = "flags\t\t: fpu vmx\n",
			  none[] = "flags\t\t: fpu vmx_not svmx asvm\nbugs\t\t: vmx\n";

	(void)state;
	assert_int_equal(choose(QEMU_ACCEL_AUTO, 0, amd, 0), QEMU_KVM);
	assert_int_equal(choose(QEMU_ACCEL_AUTO, 0, intel, 0), QEMU_KVM);
	assert_int_equal(choose(QEMU_ACCEL_AUTO, 0, "flags\t\t: fpu vmx_not svmx\n", 0), QEMU_TCG);
	assert_int_equal(choose(QEMU_ACCEL_AUTO, 0, "", 0), QEMU_TCG);
	assert_int_equal(choose(QEMU_ACCEL_AUTO, 0, none, 0), QEMU_TCG);
	assert_int_equal(choose(QEMU_ACCEL_AUTO, ENOENT, intel, 0), QEMU_TCG);
	assert_int_equal(choose(QEMU_ACCEL_AUTO, EACCES, intel, 0), QEMU_TCG);
	assert_int_equal(choose(QEMU_ACCEL_TCG, 0, intel, 0), QEMU_TCG);
	assert_int_equal(choose(QEMU_ACCEL_KVM, 0, "", 0), QEMU_KVM);
	choose(QEMU_ACCEL_KVM, EACCES, intel, -ENOTSUP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(linux_disks_are_scsi_in_order),
		cmocka_unit_test(windows_of_generation_1_keeps_an_ide_slot_for_the_keys),
		cmocka_unit_test(what_cannot_start_is_refused),
		cmocka_unit_test(the_command_says_what_was_decided),
		cmocka_unit_test(every_disk_of_a_large_vm_has_a_place),
		cmocka_unit_test(kvm_is_chosen_only_where_it_can_be_trusted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
