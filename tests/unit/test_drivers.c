/* SPDX-License-Identifier: Apache-2.0 */
/* A Linux guest's kernel configuration and initramfs tell which bus it finds its disks on. */
#include "crypto/cleanup.h"
#include "fs/azure/drivers.h"
#include "fs/image/bootcfg.h"
#include "fs/image/cpio.h"
#include "fs/image/cpio_names.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define NAMES_MAX 400u
#define PCI "CONFIG_A=y\nCONFIG_PCI=y\n"

static struct drivers configured(const char *text)
{
	struct drivers d = { 0 };

	drivers_read_config(&d, text, strlen(text));
	return d;
}

static void check(const struct drivers *d, enum machine_generation g, enum machine_bus bus, enum driver_state s)
{
	enum driver_state found;

	assert_int_equal(drivers_choose(d, g, &found), bus);
	assert_int_equal(found, s);
}

static void built_in_drivers_need_no_initramfs(void **state)
{
	struct drivers d = configured(PCI "CONFIG_BLK_DEV_SD=y\nCONFIG_VIRTIO_PCI=y\nCONFIG_SCSI_VIRTIO=y\n");

	(void)state;
	assert_true(drivers_settled(&d));
	check(&d, MACHINE_GEN1, MACHINE_BUS_SCSI, DRIVER_THERE);
	d = configured(PCI "CONFIG_BLK_DEV_SD=y\nCONFIG_SATA_AHCI=y\n# CONFIG_SCSI_VIRTIO is not set\nCONFIG_SCSI_VIRTIO_X=y");
	check(&d, MACHINE_GEN1, MACHINE_BUS_SATA, DRIVER_THERE);
	d = configured(PCI "CONFIG_BLK_DEV_SD=y\nCONFIG_ATA_PIIX=y");
	check(&d, MACHINE_GEN1, MACHINE_BUS_IDE, DRIVER_THERE);
	check(&d, MACHINE_GEN2, MACHINE_BUS_SCSI, DRIVER_MISSING);
}

static void modules_count_where_the_initramfs_has_them(void **state)
{
	static const char text[] = PCI "CONFIG_BLK_DEV_SD=y\nCONFIG_VIRTIO_PCI=m\nCONFIG_SCSI_VIRTIO=m\nCONFIG_SATA_AHCI=m\n";
	struct drivers d = configured(text);
	char names[80];

	(void)state;
	assert_false(drivers_settled(&d));
	check(&d, MACHINE_GEN1, MACHINE_BUS_SCSI, DRIVER_UNKNOWN);
	drivers_see(&d, "usr/lib/modules/6/kernel/drivers/virtio/virtio_pci.ko.zst");
	drivers_see(&d, "usr/lib/modules/6/kernel/drivers/virtio/virtio_pci_modern_dev.ko");
	drivers_see(&d, "usr/lib/modules/6/kernel/drivers/scsi/virtio_scsi");
	drivers_see(&d, "usr/lib/modules/6/kernel/drivers/scsi/hv_storvsc.ko");
	drivers_see(&d, "lib/ahci.ko");
	drivers_seen_all(&d);
	check(&d, MACHINE_GEN1, MACHINE_BUS_SATA, DRIVER_THERE);
	drivers_name(&d, MACHINE_BUS_SCSI, DRIVER_MISSING, names, sizeof(names));
	assert_string_equal(names, "virtio_scsi");
	d = configured(text);
	drivers_see(&d, "virtio-scsi.ko");
	drivers_see(&d, "/x/virtio_pci.ko");
	check(&d, MACHINE_GEN2, MACHINE_BUS_SCSI, DRIVER_THERE);
	drivers_name(&d, MACHINE_BUS_SCSI, DRIVER_THERE, names, sizeof(names));
	assert_string_equal(names, "virtio_pci, virtio_scsi, sd_mod");
}

static void without_a_configuration_nothing_is_missing(void **state)
{
	struct drivers d = configured("CONFIG_SCSI_VIRTIO=y\nno configuration of a kernel\n");

	(void)state;
	drivers_seen_all(&d);
	check(&d, MACHINE_GEN2, MACHINE_BUS_SCSI, DRIVER_UNKNOWN);
	drivers_see(&d, "sd_mod.ko");
	drivers_see(&d, "ahci.ko.xz");
	check(&d, MACHINE_GEN2, MACHINE_BUS_SATA, DRIVER_THERE);	/* what is sure goes before */
}

static int collect(void *arg, const char *name)
{
	char *all = arg;
	size_t at = strlen(all);

	snprintf(all + at, NAMES_MAX - at, "%s ", name);
	return !strcmp(name, "stop") ? 7 : 0;
}

/* In pieces of that size.  What the last piece came to. */
static int feed(const uint8_t *data, size_t len, size_t piece, char *all)
{
	struct cpio_names c;
	size_t used;
	int rc = 0;

	*all = '\0';
	cpio_names_init(&c, collect, all);
	for (size_t at = 0; !rc && at < len; at += used)
		rc = cpio_names_feed(&c, data + at, len - at < piece ? len - at : piece, &used);
	return rc || cpio_names_whole(&c) ? rc : -EPIPE;
}

static void names_come_from_archives_in_any_pieces(void **state)
{
	AUTO(cpio_free) struct cpio *c = cpio_new();
	AUTO(free) uint8_t *data = NULL;
	AUTO(free) uint8_t *two = NULL;
	size_t len;
	char all[NAMES_MAX];

	(void)state;
	cpio_add_text(c, "a/b", "070701 is no head here");
	cpio_add_text(c, "c", "");
	assert_int_equal(cpio_finish(c, &data, &len), 0);
	two = malloc(2 * len + 2);
	memcpy(two, data, len);
	memcpy(two + len, data, len);
	memcpy(two + 2 * len, "\x1f\x8b", 2);
	for (size_t piece = 1; piece < 700; piece += 13) {
		assert_int_equal(feed(two, 2 * len, piece, all), 0);
		assert_string_equal(all, "a a/b c TRAILER!!! a a/b c TRAILER!!! ");
		assert_int_equal(feed(two, 2 * len + 2, piece, all), CPIO_NAMES_FOREIGN);
	}
	assert_int_equal(feed(two, len + 7, 64, all), -EPIPE);	/* cut */
	assert_int_equal(feed(two, 113, 64, all), -EPIPE);
	two[5] = '9';
	assert_int_equal(feed(two, len, 64, all), -EBADMSG);
	two[5] = '1';
	memset(two + 94, 'F', 8);			/* a name of 4 GiB */
	assert_int_equal(feed(two, len, 64, all), -EBADMSG);
}

static void entry(enum bootcfg_kind kind, const char *text, const char *kernel, const char *initrd)
{
	struct bootcfg_entry e;

	assert_true(bootcfg_entry(kind, text, strlen(text), &e));
	assert_string_equal(e.kernel, kernel);
	assert_string_equal(e.initrd, initrd);
}

static void the_first_entry_names_kernel_and_initramfs(void **state)
{
	struct bootcfg_entry e;

	(void)state;
	entry(BOOTCFG_GRUB, "menuentry {\n\tlinux\t/vmlinuz-2 root=/dev/x\n\tinitrd /ours.img /initrd-2\n}\nlinux /vmlinuz-1\ninitrd /initrd-1\n",
	      "/vmlinuz-2", "/initrd-2");
	entry(BOOTCFG_GRUB, "linux16 ($root)/boot/k a\ninitrd16 ($root)/boot/early ($root)/boot/i", "/boot/k", "/boot/i");
	entry(BOOTCFG_BLS, "title x\ninitrd /ours.img\ninitrd /i.img $tuned_initrd\nlinux /k\n", "/k", "/i.img");
	assert_false(bootcfg_entry(BOOTCFG_GRUB, "linux /k\ninitrd $x\n", 19, &e));
	assert_false(bootcfg_entry(BOOTCFG_GRUB, "", 0, &e));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(built_in_drivers_need_no_initramfs),
		cmocka_unit_test(modules_count_where_the_initramfs_has_them),
		cmocka_unit_test(without_a_configuration_nothing_is_missing),
		cmocka_unit_test(names_come_from_archives_in_any_pieces),
		cmocka_unit_test(the_first_entry_names_kernel_and_initramfs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
