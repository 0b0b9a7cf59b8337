/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/fstype.h"
#include "crypto/bitlocker/bitlocker.h"
#include "crypto/bytes.h"
#include "crypto/luks/luks.h"

#include <stdio.h>
#include <string.h>

#define EXT_SUPERBLOCK 1024u

static const struct {
	uint32_t off;
	const char *magic;
	uint8_t len;
	const char *what;
} signatures[] = {
	{ 3, "NTFS    ", 8, "ntfs" },	   { 3, "EXFAT   ", 8, "exfat" },
	{ 3, "ReFS", 4, "refs" },	   { 0, "XFSB", 4, "xfs" },
	{ 0x36, "FAT1", 4, "vfat" },	   { 0x52, "FAT32", 5, "vfat" },
	{ 512, "LABELONE", 8, "lvm" },	   { 0, "LABELONE", 8, "lvm" },
	{ 1024, "LABELONE", 8, "lvm" },	   { 1536, "LABELONE", 8, "lvm" },
	{ 4086, "SWAPSPACE2", 10, "swap" }, { 0x10040, "_BHRfS_M", 8, "btrfs" },
};

static const char *ext_version(const uint8_t *f)
{
	uint32_t compat = le32(f), incompat = le32(f + 4), ro = le32(f + 8);

	if ((incompat & ~0x7fu) || (ro & ~0x7u))
		return "ext4";
	return compat & 4 ? "ext3" : "ext2";
}

/* The magic is two bytes, which ciphertext has once in 65,536 times. */
static bool is_ext_superblock(const uint8_t *sb)
{
	uint32_t log_block = le32(sb + 24);

	return le32(sb) && le32(sb + 4) && log_block <= 6 && le32(sb + 20) <= 1 &&
	       le32(sb + 32) && le32(sb + 40) && le32(sb + 76) <= 1;
}

static const char *detect_ext(struct blockdev *bd)
{
	uint8_t sb[128];

	if (bd->size < 2048 || blockdev_pread(bd, sb, sizeof(sb), EXT_SUPERBLOCK) < 0 ||
	    le16(sb + 56) != 0xef53 || !is_ext_superblock(sb))
		return NULL;
	return ext_version(sb + 92);
}

const char *fstype_detect(struct blockdev *bd)
{
	uint8_t head[4096 + 512] = { 0 }, far[16];
	size_t n = bd->size < sizeof(head) ? (size_t)bd->size : sizeof(head);

	if (n < 512 || blockdev_pread(bd, head, n, 0) < 0)
		return NULL;
	if (bitlocker_detect(head))
		return "bitlocker";
	if (luks_detect(head, n))
		return "luks";
	for (size_t i = 0; i < sizeof(signatures) / sizeof(*signatures); i++) {
		uint32_t off = signatures[i].off;
		const uint8_t *at = far;

		if (off + signatures[i].len <= n)
			at = head + off;
		else if (off + sizeof(far) > bd->size || blockdev_pread(bd, far, sizeof(far), off) < 0)
			continue;
		if (!memcmp(at, signatures[i].magic, signatures[i].len))
			return signatures[i].what;
	}
	return detect_ext(bd);
}

enum uuid_form { FORM_UUID, FORM_NTFS, FORM_FAT };

static const struct {
	const char *what;
	uint32_t off;
	uint8_t len;
	enum uuid_form form;
} uuids[] = {
	{ "ext2", 1128, 16, FORM_UUID },    { "ext3", 1128, 16, FORM_UUID },
	{ "ext4", 1128, 16, FORM_UUID },    { "xfs", 32, 16, FORM_UUID },
	{ "btrfs", 0x10020, 16, FORM_UUID }, { "swap", 1036, 16, FORM_UUID },
	{ "ntfs", 72, 8, FORM_NTFS },	    { "exfat", 100, 4, FORM_FAT },
};

static void write_uuid(const uint8_t *u, enum uuid_form form, char out[FSTYPE_UUID_MAX])
{
	char *at = out;

	if (form == FORM_NTFS) {
		snprintf(out, FSTYPE_UUID_MAX, "%016llX", (unsigned long long)le64(u));
		return;
	}
	if (form == FORM_FAT) {
		snprintf(out, FSTYPE_UUID_MAX, "%04X-%04X", le16(u + 2), le16(u));
		return;
	}
	for (int i = 0; i < 16; i++) {
		bool dash = i == 4 || i == 6 || i == 8 || i == 10;

		at += snprintf(at, 4, dash ? "-%02x" : "%02x", u[i]);
	}
}

/* FAT keeps its serial number behind the name of its kind, which says where. */
static bool fat_serial(struct blockdev *bd, char out[FSTYPE_UUID_MAX])
{
	uint8_t head[512];

	if (bd->size < sizeof(head) || blockdev_pread(bd, head, sizeof(head), 0) < 0)
		return false;
	write_uuid(head + (memcmp(head + 0x52, "FAT32", 5) ? 39 : 67), FORM_FAT, out);
	return true;
}

bool fstype_uuid(struct blockdev *bd, const char *what, char out[FSTYPE_UUID_MAX])
{
	uint8_t u[16];

	if (!strcmp(what, "vfat"))
		return fat_serial(bd, out);
	for (size_t i = 0; i < sizeof(uuids) / sizeof(*uuids); i++) {
		if (strcmp(uuids[i].what, what))
			continue;
		if (!range_fits(uuids[i].off, uuids[i].len, bd->size) ||
		    blockdev_pread(bd, u, uuids[i].len, uuids[i].off) < 0)
			return false;
		write_uuid(u, uuids[i].form, out);
		return true;
	}
	return false;
}
