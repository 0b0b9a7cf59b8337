/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/partitions.h"
#include "fs/image/fstype.h"
#include "fs/image/partitions_private.h"
#include "fs/image/slice.h"
#include "crypto/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *table_name(enum table_kind kind)
{
	return kind == TABLE_GPT ? "gpt" : kind == TABLE_MBR ? "mbr" : "none";
}

void partitions_free(struct partition_table *t)
{
	if (!t)
		return;
	free(t->part);
	free(t);
}

int table_add(struct partition_table *t, struct blockdev *disk, const struct partition *p,
	      struct error *warning)
{
	struct partition *to;

	if (t->n_parts >= PARTITIONS_MAX) {
		error_set(warning, EBADMSG, "more than %u partitions: partition %u left out",
			  PARTITIONS_MAX, p->n);
		return 0;
	}
	if (p->start >= disk->size) {
		t->cut = true;
		error_set(warning, EBADMSG, "partition %u begins past the end of the image: left out", p->n);
		return 0;
	}
	to = realloc(t->part, (t->n_parts + 1) * sizeof(*to));
	if (!to)
		return -ENOMEM;
	t->part = to;
	to = &t->part[t->n_parts++];
	*to = *p;
	to->stored_size = p->size;
	if (to->size > disk->size - to->start) {
		t->cut = true;
		to->size = disk->size - to->start;
		error_set(warning, EBADMSG, "partition %u reaches past the end of the image: cut", p->n);
	}
	return 0;
}

static bool row_is_sane(const uint8_t *row)
{
	return (row[0] == 0x00 || row[0] == 0x80) && (row[4] == 0 || le32(row + 12) != 0);
}

/* A boot sector of a file system or of BitLocker ends in 55 AA too, and has
 * code or text where an MBR has its rows. */
static bool is_volume(const uint8_t *s)
{
	static const char *const names[] = { "NTFS    ", "-FVE-FS-", "MSWIN4.1", "EXFAT   ", "ReFS" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!memcmp(s + 3, names[i], strlen(names[i])))
			return true;
	return !memcmp(s + 0x36, "FAT", 3) || !memcmp(s + 0x52, "FAT32", 5);
}

static bool is_mbr(const uint8_t *s)
{
	bool any = false;

	if (le16(s + 510) != 0xaa55)
		return false;
	for (int i = 0; i < 4; i++) {
		const uint8_t *row = s + 446 + 16 * i;

		if (!row_is_sane(row))
			return false;
		any |= row[4] != 0;
	}
	return any;
}

static bool is_extended(uint8_t type)
{
	return type == 0x05 || type == 0x0f || type == 0x85;
}

static void fill_row(struct partition *p, const uint8_t *row, uint64_t row_off, uint64_t base,
		     uint32_t sector)
{
	memset(p, 0, sizeof(*p));
	p->start = base + (uint64_t)le32(row + 8) * sector;
	p->size = (uint64_t)le32(row + 12) * sector;
	p->bootable = row[0] == 0x80;
	p->row_off = row_off;
	p->row_base = base;
	snprintf(p->type, sizeof(p->type), "0x%02x", row[4]);
}

/* The chain of extended boot records.  Each link must lie further on than the
 * one before, so a loop ends by itself. */
static int read_logical(struct blockdev *disk, struct partition_table *t, uint64_t first,
			struct error *warning)
{
	uint64_t at = first, next;
	unsigned n = 5;
	uint8_t s[512];

	while (range_fits(at, sizeof(s), disk->size) && n < PARTITIONS_MAX) {
		struct partition p;
		int rc = blockdev_pread(disk, s, sizeof(s), at);

		if (rc < 0)
			return rc;
		if (le16(s + 510) != 0xaa55)
			break;
		if (s[446 + 4] && le32(s + 446 + 12)) {
			fill_row(&p, s + 446, at + 446, at, t->sector_size);
			p.n = n++;
			rc = table_add(t, disk, &p, warning);
			if (rc < 0)
				return rc;
		}
		if (!is_extended(s[462 + 4]))
			break;
		next = first + (uint64_t)le32(s + 462 + 8) * t->sector_size;
		if (next <= at)
			break;
		at = next;
	}
	return 0;
}

static int read_mbr(struct blockdev *disk, const uint8_t *s, struct partition_table *t,
		    struct error *warning)
{
	uint64_t extended = 0;

	t->kind = TABLE_MBR;
	for (unsigned i = 0; i < 4; i++) {
		const uint8_t *row = s + 446 + 16 * i;
		struct partition p;
		int rc;

		if (!row[4] || !le32(row + 12))
			continue;
		if (is_extended(row[4])) {
			extended = (uint64_t)le32(row + 8) * t->sector_size;
			continue;
		}
		fill_row(&p, row, 446 + 16 * i, 0, t->sector_size);
		p.n = i + 1;
		rc = table_add(t, disk, &p, warning);
		if (rc < 0)
			return rc;
	}
	return extended ? read_logical(disk, t, extended, warning) : 0;
}

/* How many rows lead to something that we know; 0 when one leads out of the disk. */
static unsigned known_starts(struct blockdev *disk, const uint8_t *s, uint32_t sector)
{
	unsigned known = 0;

	for (const uint8_t *row = s + 446; row < s + 510; row += 16) {
		uint64_t start = (uint64_t)le32(row + 8) * sector, size = (uint64_t)le32(row + 12) * sector;
		AUTO(blockdev_unref) struct blockdev *part = NULL;
		uint8_t link[512];

		if (!row[4] || !size)
			continue;
		if (!range_fits(start, size, disk->size))
			return 0;
		if (is_extended(row[4])) {
			known += !blockdev_pread(disk, link, sizeof(link), start) &&
				 le16(link + 510) == 0xaa55;
			continue;
		}
		part = slice_open(blockdev_ref(disk), start, size, NULL);
		known += part && fstype_detect(part);
	}
	return known;
}

/* An MBR does not say how long its sectors are: 512 bytes, unless only 4096
 * leads to something. */
static uint32_t mbr_sector_size(struct blockdev *disk, const uint8_t *s)
{
	return !known_starts(disk, s, 512) && known_starts(disk, s, 4096) ? 4096 : 512;
}

static bool is_protective(const uint8_t *s)
{
	for (int i = 0; i < 4; i++)
		if (s[446 + 16 * i + 4] == 0xee)
			return le16(s + 510) == 0xaa55;
	return false;
}

/* What stands at the disk's start decides; a GPT needs its protective row,
 * else a stale header behind a fresh MBR would win. */
static int read_table(struct blockdev *disk, struct partition_table *t, struct error *err,
		      struct error *warning)
{
	uint8_t s[512];
	int rc;

	t->sector_size = 512;
	if (disk->size < sizeof(s))
		return 0;
	rc = blockdev_pread(disk, s, sizeof(s), 0);
	if (rc < 0)
		return error_set(err, -rc, "the first sector cannot be read");
	if (is_protective(s)) {
		rc = gpt_read(disk, t, err, warning);
		if (rc != -ENOENT)
			return rc;
	}
	if (is_mbr(s) && !is_volume(s)) {
		t->sector_size = mbr_sector_size(disk, s);
		rc = read_mbr(disk, s, t, warning);
		if (rc < 0)
			return error_set(err, -rc, "the partition table cannot be read");
	}
	return 0;
}

int partitions_read(struct blockdev *disk, struct partition_table **out, struct error *err,
		    struct error *warning)
{
	AUTO(partitions_free) struct partition_table *t = calloc(1, sizeof(*t));
	int rc;

	if (!t)
		return error_set(err, ENOMEM, "out of memory");
	rc = read_table(disk, t, err, warning);
	if (rc < 0)
		return rc;
	*out = TAKE(t);
	return 0;
}
