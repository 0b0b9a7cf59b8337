/* SPDX-License-Identifier: Apache-2.0 */
/* Boot loader configurations get one more initramfs and nothing else; what is in it names disks as
 * Azure does. */
#include "fs/azure/adapt.h"
#include "crypto/cleanup.h"
#include "fs/image/bootcfg.h"
#include "fs/image/cpio.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void check(enum bootcfg_kind kind, const char *before, const char *after, const char *dir,
		  unsigned entries)
{
	struct bootcfg_edit e, again;

	assert_int_equal(bootcfg_add_initrd(kind, before, strlen(before), "x.img", &e), 0);
	assert_string_equal(e.text, after);
	assert_string_equal(e.dir, dir);
	assert_int_equal(e.entries, entries);
	assert_int_equal(e.changed, entries);
	assert_int_equal(bootcfg_add_initrd(kind, e.text, e.len, "x.img", &again), 0);
	assert_string_equal(again.text, after);		/* a second time changes nothing */
	assert_int_equal(again.changed, 0);
	assert_int_equal(again.entries, entries);
	free(e.text);
	free(again.text);
}

static void grub_loads_ours_in_front(void **state)
{
	(void)state;
	check(BOOTCFG_GRUB, "menuentry {\n\tlinux /vmlinuz root=/dev/mapper/osencrypt\n\tinitrd\t/initrd.img-6.1\n}\n",
	      "menuentry {\n\tlinux /vmlinuz root=/dev/mapper/osencrypt\n\tinitrd\t/x.img /initrd.img-6.1\n}\n", "", 1);
	check(BOOTCFG_GRUB, "initrd16 ($root)/boot/early /boot/i\n  initrdefi /boot/j",
	      "initrd16 ($root)/boot/x.img ($root)/boot/early /boot/i\n  initrdefi /boot/x.img /boot/j", "/boot", 2);
}

static void what_loads_no_initramfs_stays(void **state)
{
	static const char text[] = "initrd\ninitrdx /a\nset initrd=/b\ninitrd \nlinux /k initrd /i\ninitrd word\n";

	(void)state;
	check(BOOTCFG_GRUB, text, text, "", 0);
	check(BOOTCFG_GRUB, "", "", "", 0);
}

static void bls_entries_get_a_line(void **state)
{
	(void)state;
	check(BOOTCFG_BLS, "title A\nlinux /vmlinuz\ninitrd /initramfs.img $tuned_initrd\noptions root=x\n",
	      "title A\nlinux /vmlinuz\ninitrd /x.img\ninitrd /initramfs.img $tuned_initrd\noptions root=x\n", "", 1);
}

static void too_long_is_refused(void **state)
{
	AUTO(free) char *long_text = calloc(1, BOOTCFG_MAX + 1);
	struct bootcfg_edit e;

	(void)state;
	assert_int_equal(bootcfg_add_initrd(BOOTCFG_GRUB, long_text, BOOTCFG_MAX + 1, "x", &e), -EINVAL);
}

static void a_machine(struct machine *m)
{
	machine_init(m, "vm", MACHINE_LINUX, MACHINE_GEN1);
	assert_non_null(machine_add_disk(m, MACHINE_OS_DISK, 0, "os", false, NULL));
	assert_non_null(machine_add_disk(m, MACHINE_DATA_DISK, 10, "d", false, NULL));
	assert_int_equal(machine_settle(m, NULL), 0);
}

static void rules_name_disks_as_azure_does(void **state)
{
	struct machine m;
	struct adapt a = { .machine = &m, .volume = { { "ade-os", 1, ADAPT_MAPPER } }, .n_volumes = 1 };

	(void)state;
	a_machine(&m);

	AUTO(free) char *early = adapt_rules(&a, true), *late = adapt_rules(&a, false);
	AUTO(free) char *words = adapt_describe(&a);

	assert_non_null(strstr(late, "ATTRS{model}==\"ade-os\", SYMLINK+=\"disk/azure/root-part%n\""));
	assert_non_null(strstr(late, "SYMLINK+=\"disk/azure/scsi1/lun10\""));
	assert_null(strstr(late, "SYMLINK=\"\""));
	assert_non_null(strstr(early, "ATTR{partition}==\"1\", SYMLINK=\"\""));
	assert_non_null(strstr(early, "osencrypt --table '0 $attr{size} linear $major:$minor 0'"));
	assert_non_null(strstr(words, "/dev/mapper/osencrypt is partition 1 of disk ade-os"));
	assert_non_null(strstr(words, "/dev/disk/azure/scsi1/lun10 names disk ade-lun10"));
}

static bool holds(const uint8_t *data, size_t len, const char *text)
{
	return memmem(data, len, text, strlen(text)) != NULL;
}

static void decrypted_data_disks_get_the_names_of_crypttab(void **state)
{
	static const char unit[] = "adebackup/units/systemd-cryptsetup@a\\x2db.service";
	struct machine m;
	struct adapt a = { .machine = &m, .n_volumes = 3, .volume = {
		{ "ade-lun10", 0, "a-b", .is_data = true }, { "ade-lun10", 2, "c", .is_data = true },
		{ "ade-os", 1, ADAPT_MAPPER, .is_lvm = true } } };
	uint8_t *data;
	size_t len;

	(void)state;
	a_machine(&m);

	AUTO(free) char *early = adapt_rules(&a, true), *late = adapt_rules(&a, false);
	AUTO(free) char *words = adapt_describe(&a);
	const char *whole = strstr(late, "ENV{DEVTYPE}==\"disk\", ATTRS{model}==\"ade-lun10\", SYMLINK=\"\"");

	assert_non_null(whole);
	assert_true(whole < strstr(late, "SYMLINK+=\"disk/azure/scsi1/lun10\""));	/* which stays */
	assert_non_null(strstr(late, "dmsetup create --noudevsync a-b --table"));
	assert_non_null(strstr(late, "ATTR{partition}==\"2\", SYMLINK=\"\""));
	assert_null(strstr(early, "dmsetup"));
	assert_null(strstr(late, ADAPT_MAPPER));
	assert_non_null(strstr(words, "/dev/mapper/a-b is disk ade-lun10, which"));
	assert_non_null(strstr(words, "/dev/mapper/c is partition 2 of disk ade-lun10"));
	assert_non_null(strstr(words, "systemd-cryptsetup@osencrypt.service, which crypttab makes, does nothing"));
	assert_int_equal(adapt_initramfs(&a, &data, &len), 0);
	assert_true(holds(data, len, unit));
	assert_true(holds(data, len, "ExecStart=/bin/true"));
	free(data);
}

static void hostile_mapper_names_are_refused(void **state)
{
	static const char *const bad[] = { "", "-x", ".", "a b", "a'b", "a\"b", "a/b", "$x", "a%n" };
	struct machine m;
	struct adapt a = { .machine = &m, .n_volumes = 1 };
	uint8_t *data;
	size_t len;

	(void)state;
	a_machine(&m);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		a.volume[0] = (struct adapt_volume){ .serial = "ade-os" };
		snprintf(a.volume[0].mapper, sizeof(a.volume[0].mapper), "%s", bad[i]);
		assert_int_equal(adapt_initramfs(&a, &data, &len), -EINVAL);
	}
	snprintf(a.volume[0].mapper, sizeof(a.volume[0].mapper), "1a2b-3c_d.e");
	assert_int_equal(adapt_initramfs(&a, &data, &len), 0);
	assert_memory_equal(data, "070701", 6);
	assert_int_equal(len % 512, 0);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grub_loads_ours_in_front),
		cmocka_unit_test(what_loads_no_initramfs_stays),
		cmocka_unit_test(bls_entries_get_a_line),
		cmocka_unit_test(too_long_is_refused),
		cmocka_unit_test(rules_name_disks_as_azure_does),
		cmocka_unit_test(decrypted_data_disks_get_the_names_of_crypttab),
		cmocka_unit_test(hostile_mapper_names_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
