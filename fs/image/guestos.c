/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/guestos.h"
#include "crypto/bytes.h"
#include "fs/image/fatread.h"
#include "fs/image/fstype.h"
#include "fs/image/slice.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CODE_BYTES 440		/* of the MBR, in front of the disk signature */

static const char *const loaders[] = { "BOOTX64.EFI", "GRUBX64.EFI", "SHIMX64.EFI", "SHIM.EFI" };

#define BIOS_BOOT "21686148-6449-6E6F-744E-656564454649"

/* Windows and parted write code in front of every GPT; it leads somewhere only
 * with a partition for GRUB's core, or one marked for the BIOS. */
static bool code_leads_somewhere(const struct partition_table *t)
{
	if (!t || t->kind != TABLE_GPT)
		return true;
	for (size_t i = 0; i < t->n_parts; i++)
		if (t->part[i].bootable || !strcmp(t->part[i].type, BIOS_BOOT))
			return true;
	return false;
}

static int look_at_code(struct blockdev *disk, const struct partition_table *t, struct guestos *out)
{
	uint8_t b[512], zero[CODE_BYTES] = { 0 };
	int rc = disk->size < sizeof(b) ? 1 : blockdev_pread(disk, b, sizeof(b), 0);

	if (rc)
		return rc < 0 ? rc : 0;
	out->bios_code = le16(b + 510) == 0xaa55 && memcmp(b, zero, sizeof(zero)) != 0 &&
			 code_leads_somewhere(t);
	return 0;
}

struct vendor_search {
	struct blockdev *esp;
	const char *const *names;
	size_t n;
};

static int look_at_vendor(void *arg, const char *folder)
{
	const struct vendor_search *s = arg;
	char path[64];

	for (size_t i = 0; i < s->n; i++) {
		snprintf(path, sizeof(path), "EFI/%s/%s", folder, s->names[i]);
		if (fat_has_file(s->esp, path) == 1)
			return 2;
	}
	return 0;
}

/* Without a boot entry firmware starts BOOTX64.EFI alone, so a vendor's loader counts only
 * where it would be found: it is told as there, and the firmware has its say. */
static bool has_loader(struct blockdev *esp)
{
	struct vendor_search s = { esp, loaders, sizeof(loaders) / sizeof(loaders[0]) };

	return fat_has_file(esp, "EFI/BOOT/BOOTX64.EFI") == 1 ||
	       fat_each_folder(esp, "EFI", look_at_vendor, &s) == 2;
}

static bool is_linux(const char *what)
{
	static const char *const names[] = { "ext2", "ext3", "ext4", "xfs", "btrfs", "luks", "lvm", "swap" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(what, names[i]))
			return true;
	return false;
}

static bool is_windows(const char *what)
{
	return !strcmp(what, "ntfs") || !strcmp(what, "bitlocker") || !strcmp(what, "refs");
}

int guestos_look(struct blockdev *disk, const struct partition_table *t, struct guestos *out,
		 struct error *err)
{
	bool linux_there = false, windows_there = false;
	int rc;

	*out = (struct guestos){ 0 };
	rc = look_at_code(disk, t, out);
	if (rc)
		return error_set(err, -rc, "the boot records cannot be read: %s", strerror(-rc));
	for (size_t i = 0; t && i < t->n_parts; i++) {
		const struct partition *p = &t->part[i];
		AUTO(blockdev_unref) struct blockdev *part = slice_open(blockdev_ref(disk), p->start, p->size, NULL);
		const char *what = part ? fstype_detect(part) : NULL;

		if (!what)
			continue;
		linux_there |= is_linux(what);
		windows_there |= is_windows(what);
		if (!strcmp(what, "vfat") && !out->efi_loader && has_loader(part)) {
			out->efi_loader = true;
			out->efi_partition = p->n;
		}
	}
	out->windows = windows_there && !linux_there;
	return 0;
}

unsigned guestos_generation(const struct guestos *g)
{
	return g->bios_code ? 1 : g->efi_loader ? 2 : 0;
}
