/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/partitions_private.h"
#include "crypto/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HEADER_MIN 92u
#define ROWS_MAX 1024u
#define ROW_BYTES_MAX 4096u

uint32_t gpt_crc32(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t crc = ~0u;

	while (len--) {
		crc ^= *p++;
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

struct gpt {
	uint64_t header_off, array_off, backup_lba;
	uint32_t rows, row_bytes;
	uint8_t *array;
};

static void gpt_release(struct gpt *g)
{
	free(g->array);
}

static bool header_crc_holds(uint8_t *h, uint32_t size)
{
	uint32_t stored = le32(h + 16), crc;

	put_le32(h + 16, 0);
	crc = gpt_crc32(h, size);
	put_le32(h + 16, stored);
	return crc == stored;
}

static int parse_header(uint8_t *h, uint64_t off, uint32_t sector, uint64_t disk_size, struct gpt *g)
{
	uint32_t size = le32(h + 12);
	uint64_t bytes;

	if (memcmp(h, "EFI PART", 8))
		return -ENOENT;
	if (size < HEADER_MIN || size > 512 || !header_crc_holds(h, size) ||
	    le64(h + 24) != off / sector)
		return -EBADMSG;
	g->header_off = off;
	g->backup_lba = le64(h + 32);
	g->rows = le32(h + 80);
	g->row_bytes = le32(h + 84);
	if (!g->rows || g->rows > ROWS_MAX || g->row_bytes < 128 || g->row_bytes > ROW_BYTES_MAX ||
	    !is_power_of_two(g->row_bytes))
		return -EBADMSG;
	bytes = (uint64_t)g->rows * g->row_bytes;
	if (!mul_u64(le64(h + 72), sector, &g->array_off) ||
	    !range_fits(g->array_off, bytes, disk_size))
		return -EBADMSG;
	return 0;
}

/* One copy: its header at off, its array where that says. */
static int read_copy(struct blockdev *disk, uint64_t off, uint32_t sector, struct gpt *g)
{
	uint8_t h[512];
	size_t bytes;
	int rc;

	if (!range_fits(off, sizeof(h), disk->size))
		return -ENOENT;
	rc = blockdev_pread(disk, h, sizeof(h), off);
	if (rc == 0)
		rc = parse_header(h, off, sector, disk->size, g);
	if (rc < 0)
		return rc;
	bytes = (size_t)g->rows * g->row_bytes;
	g->array = malloc(bytes);
	if (!g->array)
		return -ENOMEM;
	rc = blockdev_pread(disk, g->array, bytes, g->array_off);
	if (rc == 0 && gpt_crc32(g->array, bytes) != le32(h + 88))
		rc = -EBADMSG;
	if (rc < 0) {
		free(g->array);
		g->array = NULL;
	}
	return rc;
}

static void guid_text(const uint8_t *g, char *text, size_t size)
{
	snprintf(text, size, "%08X-%04X-%04X-%02X%02X-%02X%02X%02X%02X%02X%02X", le32(g), le16(g + 4),
		 le16(g + 6), g[8], g[9], g[10], g[11], g[12], g[13], g[14], g[15]);
}

/* 36 units of UTF-16LE to UTF-8; lone surrogates become '?'. */
static void name_text(const uint8_t *p, char *out)
{
	size_t at = 0;

	for (int i = 0; i < 36; i++) {
		uint32_t c = le16(p + 2 * i);

		if (!c)
			break;
		if (c >= 0xd800 && c < 0xdc00 && i + 1 < 36 && (le16(p + 2 * i + 2) & 0xfc00) == 0xdc00)
			c = 0x10000 + ((c & 0x3ff) << 10) + (le16(p + 2 * ++i) & 0x3ff);
		else if ((c & 0xf800) == 0xd800 || c < 0x20)
			c = '?';
		if (c < 0x80) {
			out[at++] = (char)c;
		} else if (c < 0x800) {
			out[at++] = (char)(0xc0 | c >> 6);
			out[at++] = (char)(0x80 | (c & 0x3f));
		} else if (c < 0x10000) {
			out[at++] = (char)(0xe0 | c >> 12);
			out[at++] = (char)(0x80 | (c >> 6 & 0x3f));
			out[at++] = (char)(0x80 | (c & 0x3f));
		} else {
			out[at++] = (char)(0xf0 | c >> 18);
			out[at++] = (char)(0x80 | (c >> 12 & 0x3f));
			out[at++] = (char)(0x80 | (c >> 6 & 0x3f));
			out[at++] = (char)(0x80 | (c & 0x3f));
		}
	}
	out[at] = '\0';
}

static int add_rows(struct blockdev *disk, const struct gpt *g, struct partition_table *t,
		    struct error *warning)
{
	static const uint8_t unused[16];

	for (uint32_t i = 0; i < g->rows; i++) {
		const uint8_t *row = g->array + (size_t)i * g->row_bytes;
		uint64_t first = le64(row + 32), last = le64(row + 40), count;
		struct partition p = { .n = i + 1 };
		int rc;

		if (!memcmp(row, unused, 16))
			continue;
		if (last < first || !add_u64(last - first, 1, &count) ||
		    !mul_u64(first, t->sector_size, &p.start) ||
		    !mul_u64(count, t->sector_size, &p.size)) {
			error_set(warning, EBADMSG, "partition %u: its range makes no sense: left out", p.n);
			continue;
		}
		p.bootable = le64(row + 48) & 4;
		guid_text(row, p.type, sizeof(p.type));
		name_text(row + 56, p.name);
		rc = table_add(t, disk, &p, warning);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static void note_place(struct gpt_place *to, const struct gpt *g, int rc)
{
	to->valid = rc == 0;
	to->header_off = g->header_off;
	to->array_off = g->array_off;
}

/* Both copies for one sector size.  0, -ENOENT, -EBADMSG, … */
static int read_for_sector(struct blockdev *disk, uint32_t sector, struct partition_table *t,
			   struct error *warning)
{
	__attribute__((cleanup(gpt_release))) struct gpt a = { 0 }, b = { 0 };
	int first = read_copy(disk, sector, sector, &a), second;
	uint64_t end = disk->size / sector * sector, at;

	if (first == -EIO || first == -ENOMEM)
		return first;
	at = end >= sector ? end - sector : 0;
	if (first == 0 && mul_u64(a.backup_lba, sector, &at) && !range_fits(at, sector, disk->size))
		at = end - sector;
	second = read_copy(disk, at, sector, &b);
	if (first < 0 && second < 0)
		return first == -ENOENT && second == -ENOENT ? -ENOENT : -EBADMSG;
	t->kind = TABLE_GPT;
	t->sector_size = sector;
	t->used_backup = first < 0;
	note_place(&t->primary, &a, first);
	note_place(&t->backup, &b, second);
	t->gpt_rows = first < 0 ? b.rows : a.rows;
	t->gpt_row_bytes = first < 0 ? b.row_bytes : a.row_bytes;
	return add_rows(disk, first < 0 ? &b : &a, t, warning);
}

int gpt_read(struct blockdev *disk, struct partition_table *t, struct error *err,
	     struct error *warning)
{
	int rc = read_for_sector(disk, 512, t, warning), rc4k;

	if (rc == 0)
		return 0;
	rc4k = read_for_sector(disk, 4096, t, warning);
	if (rc4k == 0)
		return 0;
	if (rc == -ENOENT && rc4k == -ENOENT)
		return -ENOENT;
	t->sector_size = 512;
	if (rc == -ENOENT)
		rc = rc4k;
	if (rc != -EBADMSG)
		return error_set(err, -rc, "the partition table cannot be read");
	error_set(err, EBADMSG, "both copies of the GPT are damaged");
	error_next(err, "Look at a copy of the image with gdisk, or mount it with -o partial to reach "
		   "encrypted/disk.raw.");
	return -EBADMSG;
}
