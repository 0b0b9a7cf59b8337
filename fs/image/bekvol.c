/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/bekvol.h"
#include "crypto/bytes.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SECTOR 512u
#define START 2048u				/* of the partition, in sectors */
#define SECTORS (BEKVOL_BYTES / SECTOR - START)
#define CLUSTER 2u				/* sectors */
#define FAT_SECTORS 9u
#define ROOT_ENTRIES 512u
#define ROOT_SECTORS (ROOT_ENTRIES * 32 / SECTOR)
#define DATA (1u + 2 * FAT_SECTORS + ROOT_SECTORS)	/* first sector of cluster 2 */
#define CLUSTER_BYTES (CLUSTER * SECTOR)
#define DAY_1980 0x21				/* 1980-01-01, the first that FAT knows */

struct bekvol {
	struct blockdev bd;
	uint8_t mbr[SECTOR];
	struct secret *held;			/* the partition's first bytes */
};

struct builder {
	uint8_t *p;				/* the partition */
	unsigned next_cluster, next_entry;
};

static void make_mbr(uint8_t *mbr)
{
	uint8_t *row = mbr + 446;

	put_le32(mbr + 440, 0x424b4541);
	row[4] = 0x01;				/* FAT12 */
	row[1] = row[5] = 0xfe;			/* no cylinders: see the sectors */
	row[2] = row[3] = row[6] = row[7] = 0xff;
	put_le32(row + 8, START);
	put_le32(row + 12, SECTORS);
	mbr[510] = 0x55;
	mbr[511] = 0xaa;
}

static void make_boot_sector(uint8_t *b)
{
	memcpy(b, "\xeb\x3c\x90" "MSDOS5.0", 11);
	put_le16(b + 11, SECTOR);
	b[13] = CLUSTER;
	put_le16(b + 14, 1);			/* reserved sectors */
	b[16] = 2;				/* FATs */
	put_le16(b + 17, ROOT_ENTRIES);
	put_le16(b + 19, SECTORS);
	b[21] = 0xf8;
	put_le16(b + 22, FAT_SECTORS);
	put_le16(b + 24, 63);
	put_le16(b + 26, 255);
	put_le32(b + 28, START);
	b[36] = 0x80;
	b[38] = 0x29;
	put_le32(b + 39, 0x42454b56);
	memcpy(b + 43, BEKVOL_LABEL " ", 11);
	memcpy(b + 54, "FAT12   ", 8);
	b[510] = 0x55;
	b[511] = 0xaa;
}

/* 12 bits each, the same in both tables. */
static void set_fat(struct builder *b, unsigned cluster, unsigned value)
{
	for (unsigned table = 0; table < 2; table++) {
		uint8_t *at = b->p + (1 + table * FAT_SECTORS) * SECTOR + cluster * 3 / 2;
		uint16_t old = le16(at);

		put_le16(at, cluster & 1 ? (uint16_t)((old & 0x000f) | value << 4)
					 : (uint16_t)((old & 0xf000) | value));
	}
}

static uint8_t *new_entry(struct builder *b)
{
	return b->p + (1 + 2 * FAT_SECTORS) * SECTOR + 32 * b->next_entry++;
}

/* "KEY00001.BEK": what a reader without long names sees. */
static void short_name(unsigned number, uint8_t out[11])
{
	char text[12];

	snprintf(text, sizeof(text), "KEY%05uBEK", number % 100000);
	memcpy(out, text, 11);
}

static uint8_t checksum(const uint8_t name[11])
{
	uint8_t sum = 0;

	for (int i = 0; i < 11; i++)
		sum = (uint8_t)((sum >> 1 | sum << 7) + name[i]);
	return sum;
}

/* The parts of a long name stand before its short entry, the last part first. */
static void put_long_name(struct builder *b, const char *name, uint8_t sum)
{
	static const uint8_t places[13] = { 1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30 };
	size_t len = strlen(name), parts = (len + 12) / 13;

	for (size_t part = parts; part-- > 0;) {
		uint8_t *e = new_entry(b);

		e[0] = (uint8_t)((part + 1) | (part + 1 == parts ? 0x40 : 0));
		e[11] = 0x0f;
		e[13] = sum;
		for (size_t i = 0; i < 13; i++) {
			size_t at = part * 13 + i;

			put_le16(e + places[i], at < len ? (uint16_t)name[at] : at == len ? 0 : 0xffff);
		}
	}
}

static void put_file(struct builder *b, unsigned number, const struct bekvol_file *f)
{
	size_t len = secret_len(f->bytes), clusters = (len + CLUSTER_BYTES - 1) / CLUSTER_BYTES;
	uint8_t name[11], *e;

	short_name(number, name);
	put_long_name(b, f->name, checksum(name));
	e = new_entry(b);
	memcpy(e, name, 11);
	e[11] = 0x21;				/* read-only, archive */
	put_le16(e + 16, DAY_1980);
	put_le16(e + 18, DAY_1980);
	put_le16(e + 24, DAY_1980);
	put_le16(e + 26, clusters ? (uint16_t)b->next_cluster : 0);
	put_le32(e + 28, (uint32_t)len);
	if (len)
		memcpy(b->p + DATA * SECTOR + (b->next_cluster - 2) * CLUSTER_BYTES, secret_bytes(f->bytes), len);
	for (size_t i = 0; i < clusters; i++, b->next_cluster++)
		set_fat(b, b->next_cluster, i + 1 < clusters ? b->next_cluster + 1 : 0xfff);
}

static void build(uint8_t *partition, const struct bekvol_file *files, size_t n)
{
	struct builder b = { .p = partition, .next_cluster = 2 };
	uint8_t *label;

	make_boot_sector(partition);
	set_fat(&b, 0, 0xff8);
	set_fat(&b, 1, 0xfff);
	label = new_entry(&b);
	memcpy(label, BEKVOL_LABEL " ", 11);
	label[11] = 0x08;
	put_le16(label + 24, DAY_1980);
	for (size_t i = 0; i < n; i++)
		put_file(&b, (unsigned)i + 1, &files[i]);
}

static bool name_fits(const char *name)
{
	size_t len = strlen(name);

	if (!len || len >= sizeof(((struct bekvol_file *)0)->name) || name[0] == '.' || name[len - 1] == '.' ||
	    name[len - 1] == ' ')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isascii((unsigned char)name[i]) || !isprint((unsigned char)name[i]) ||
		    strchr("\"*/:<>?\\|", name[i]))
			return false;
	return true;
}

static int check(const struct bekvol_file *files, size_t n, struct error *err)
{
	if (n > BEKVOL_FILES_MAX)
		return error_set(err, EINVAL, "more than %u keys for the BEK volume", BEKVOL_FILES_MAX);
	for (size_t i = 0; i < n; i++) {
		if (!name_fits(files[i].name) || secret_len(files[i].bytes) > BEKVOL_FILE_MAX)
			return error_set(err, EINVAL, "the key %.60s does not fit on a BEK volume", files[i].name);
		for (size_t k = 0; k < i; k++)
			if (!strcasecmp(files[i].name, files[k].name))
				return error_set(err, EINVAL, "two keys are named %.60s", files[i].name);
	}
	return 0;
}

/* The part of [off, off + len) that lies in a piece at `at`. */
static void copy_piece(uint8_t *buf, size_t len, uint64_t off, const uint8_t *piece, size_t size, uint64_t at)
{
	uint64_t from = off > at ? off : at, to = off + len < at + size ? off + len : at + size;

	if (from < to)
		memcpy(buf + (from - off), piece + (from - at), (size_t)(to - from));
}

static int bekvol_pread(struct blockdev *bd, void *buf, size_t len, uint64_t off)
{
	const struct bekvol *v = (const struct bekvol *)bd;

	memset(buf, 0, len);
	copy_piece(buf, len, off, v->mbr, sizeof(v->mbr), 0);
	copy_piece(buf, len, off, secret_bytes(v->held), secret_len(v->held), START * SECTOR);
	return 0;
}

static void bekvol_free(struct blockdev *bd)
{
	secret_free(((struct bekvol *)bd)->held);
	free(bd);
}

static const struct blockdev_ops bekvol_ops = { .name = "bekvol", .pread = bekvol_pread, .free = bekvol_free };

struct blockdev *bekvol_open(const struct bekvol_file *files, size_t n, struct error *err)
{
	size_t held = DATA * SECTOR;
	struct bekvol *v;

	if (check(files, n, err) < 0)
		return NULL;
	for (size_t i = 0; i < n; i++)
		held += (secret_len(files[i].bytes) + CLUSTER_BYTES - 1) / CLUSTER_BYTES * CLUSTER_BYTES;
	v = calloc(1, sizeof(*v));
	if (!v)
		return error_null(err, ENOMEM, "out of memory");
	v->held = secret_new(held);
	if (!v->held) {
		free(v);
		return error_null(err, ENOMEM, "out of memory");
	}
	make_mbr(v->mbr);
	build(secret_data(v->held), files, n);
	blockdev_init(&v->bd, &bekvol_ops, NULL, BEKVOL_BYTES);
	return &v->bd;
}
