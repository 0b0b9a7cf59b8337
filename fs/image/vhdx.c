/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/vhdx.h"
#include "crypto/bytes.h"

#include <errno.h>
#include <string.h>

#define KIB 1024u
#define MIB (1u << 20)
#define LOG_AT (1u * MIB)
#define METADATA_AT (2u * MIB)
#define BAT_AT (3u * MIB)
#define HEADER_BYTES (4 * KIB)
#define REGIONS_BYTES (64 * KIB)
#define CHUNK_RATIO ((1ull << 23) * VHDX_SECTOR / VHDX_BLOCK)	/* blocks a sector bitmap serves */
#define FULLY_PRESENT 6u
#define FIXED 1u		/* file parameters: LeaveBlockAllocated */
#define N_ITEMS 5u

/* GUIDs as they are stored. */
static const uint8_t BAT_REGION[16] = { 0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6, 0x00, 0x42,
					0x9d, 0x64, 0x11, 0x5e, 0x9b, 0xfd, 0x4a, 0x08 };
static const uint8_t METADATA_REGION[16] = { 0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b,
					     0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e };
static const struct item {
	uint8_t id[16];
	uint8_t bytes, flags;		/* 2: of the virtual disk, 4: required */
} ITEMS[N_ITEMS] = {
	{ { 0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d,
	    0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b }, 8, 4 },	/* file parameters */
	{ { 0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd, 0x76, 0x48,
	    0xb2, 0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8 }, 8, 6 },	/* virtual disk size */
	{ { 0xab, 0x12, 0xca, 0xbe, 0xe6, 0xb2, 0x23, 0x45,
	    0x93, 0xef, 0xc3, 0x09, 0xe0, 0x00, 0xc7, 0x46 }, 16, 6 },	/* virtual disk id, page 83 */
	{ { 0x1d, 0xbf, 0x41, 0x81, 0x6f, 0xa9, 0x09, 0x47,
	    0xba, 0x47, 0xf2, 0x33, 0xa8, 0xfa, 0xab, 0x5f }, 4, 6 },	/* logical sector size */
	{ { 0xc7, 0x48, 0xa3, 0xcd, 0x5d, 0x44, 0x71, 0x44,
	    0x9c, 0xc9, 0xe9, 0x88, 0x52, 0x51, 0xc5, 0x56 }, 4, 6 },	/* physical sector size */
};

struct vhdx_shell {
	struct blockdev bd;
	uint64_t payload;		/* offset of the first block */
	uint8_t ident[32], header[2][80], regions[80];
	uint8_t table[32 + 32 * N_ITEMS], items[40];
};

static uint32_t crc_byte(uint32_t crc, uint8_t b)
{
	crc ^= b;
	for (int k = 0; k < 8; k++)
		crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	return crc;
}

uint32_t vhdx_crc32c(const void *p, size_t len, size_t total)
{
	const uint8_t *b = p;
	uint32_t crc = ~0u;

	for (size_t i = 0; i < len; i++)
		crc = crc_byte(crc, b[i]);
	for (size_t i = len; i < total; i++)
		crc = crc_byte(crc, 0);
	return ~crc;
}

static uint64_t n_blocks(uint64_t size)
{
	return (size + VHDX_BLOCK - 1) / VHDX_BLOCK;
}

/* The table's room in the file: whole MiB. */
static uint64_t bat_bytes(uint64_t size)
{
	uint64_t blocks = n_blocks(size), n = (blocks + (blocks - 1) / CHUNK_RATIO) * 8;

	return (n + MIB - 1) / MIB * MIB;
}

uint64_t vhdx_file_size(uint64_t size)
{
	if (!size || size > VHDX_MAX_BYTES)
		return 0;
	return BAT_AT + bat_bytes(size) + n_blocks(size) * VHDX_BLOCK;
}

static void write_headers(struct vhdx_shell *s, const uint8_t id[16])
{
	for (uint32_t i = 0; i < 2; i++) {
		uint8_t *h = s->header[i];

		memcpy(h, "head", 4);
		put_le64(h + 8, i + 1);		/* sequence number: the second is current */
		memcpy(h + 16, id, 16);		/* file write, data write; no log to replay */
		memcpy(h + 32, id, 16);
		put_le16(h + 66, 1);		/* version */
		put_le32(h + 68, MIB);
		put_le64(h + 72, LOG_AT);
		put_le32(h + 4, vhdx_crc32c(h, sizeof(s->header[i]), HEADER_BYTES));
	}
}

static void write_region(uint8_t *e, const uint8_t id[16], uint64_t off, uint64_t len)
{
	memcpy(e, id, 16);
	put_le64(e + 16, off);
	put_le32(e + 24, (uint32_t)len);
	put_le32(e + 28, 1);		/* required */
}

static void write_regions(struct vhdx_shell *s, uint64_t bat)
{
	memcpy(s->regions, "regi", 4);
	put_le32(s->regions + 8, 2);
	write_region(s->regions + 16, BAT_REGION, BAT_AT, bat);
	write_region(s->regions + 48, METADATA_REGION, METADATA_AT, MIB);
	put_le32(s->regions + 4, vhdx_crc32c(s->regions, sizeof(s->regions), REGIONS_BYTES));
}

static void write_metadata(struct vhdx_shell *s, uint64_t size, const uint8_t id[16])
{
	uint32_t at = 64 * KIB;

	memcpy(s->table, "metadata", 8);
	put_le16(s->table + 10, N_ITEMS);
	for (unsigned i = 0; i < N_ITEMS; i++) {
		uint8_t *e = s->table + 32 + 32 * i;

		memcpy(e, ITEMS[i].id, 16);
		put_le32(e + 16, at);
		put_le32(e + 20, ITEMS[i].bytes);
		put_le32(e + 24, ITEMS[i].flags);
		at += ITEMS[i].bytes;
	}
	put_le32(s->items, VHDX_BLOCK);
	put_le32(s->items + 4, FIXED);
	put_le64(s->items + 8, (size + VHDX_SECTOR - 1) / VHDX_SECTOR * VHDX_SECTOR);
	memcpy(s->items + 16, id, 16);
	put_le32(s->items + 32, VHDX_SECTOR);
	put_le32(s->items + 36, 4096);
}

/* Copy what of src, which stands at `at`, falls into [off, off + len). */
static void overlay(uint8_t *p, uint64_t off, size_t len, const uint8_t *src, size_t n, uint64_t at)
{
	uint64_t from = off > at ? off : at, end = off + len < at + n ? off + len : at + n;

	if (from < end)
		memcpy(p + (from - off), src + (from - at), (size_t)(end - from));
}

static void read_head(const struct vhdx_shell *s, uint8_t *p, size_t len, uint64_t off)
{
	memset(p, 0, len);
	overlay(p, off, len, s->ident, sizeof(s->ident), 0);
	overlay(p, off, len, s->header[0], sizeof(s->header[0]), 64 * KIB);
	overlay(p, off, len, s->header[1], sizeof(s->header[1]), 128 * KIB);
	overlay(p, off, len, s->regions, sizeof(s->regions), 192 * KIB);
	overlay(p, off, len, s->regions, sizeof(s->regions), 256 * KIB);
	overlay(p, off, len, s->table, sizeof(s->table), METADATA_AT);
	overlay(p, off, len, s->items, sizeof(s->items), METADATA_AT + 64 * KIB);
}

/* Entry i: after every CHUNK_RATIO blocks stands a sector bitmap's, not present. */
static uint64_t bat_entry(const struct vhdx_shell *s, uint64_t i)
{
	uint64_t block = i - i / (CHUNK_RATIO + 1);

	if (i % (CHUNK_RATIO + 1) == CHUNK_RATIO || block >= n_blocks(s->bd.lower->size))
		return 0;
	return (s->payload + block * VHDX_BLOCK) | FULLY_PRESENT;
}

static void read_bat(const struct vhdx_shell *s, uint8_t *p, size_t len, uint64_t off)
{
	while (len) {
		uint8_t e[8];
		size_t in = off % 8, n = 8 - in < len ? 8 - in : len;

		put_le64(e, bat_entry(s, (off - BAT_AT) / 8));
		memcpy(p, e + in, n);
		p += n;
		off += n;
		len -= n;
	}
}

enum where { HEAD, BAT, DISK, PADDING };

/* Where off is, and in *run the bytes from there to the end of that place. */
static enum where region(const struct vhdx_shell *s, uint64_t off, uint64_t *run)
{
	const uint64_t end[] = { BAT_AT, s->payload, s->payload + s->bd.lower->size, s->bd.size };
	enum where w = HEAD;

	while (w < PADDING && off >= end[w])
		w++;
	*run = end[w] - off;
	return w;
}

static int shell_pread(struct blockdev *bd, void *buf, size_t len, uint64_t off)
{
	const struct vhdx_shell *s = (const struct vhdx_shell *)bd;
	uint8_t *p = buf;

	while (len) {
		uint64_t run;
		enum where w = region(s, off, &run);
		size_t n = run < len ? (size_t)run : len;
		int rc = 0;

		if (w == HEAD)
			read_head(s, p, n, off);
		else if (w == BAT)
			read_bat(s, p, n, off);
		else if (w == DISK)
			rc = blockdev_pread(bd->lower, p, n, off - s->payload);
		else
			memset(p, 0, n);
		if (rc < 0)
			return rc;
		p += n;
		off += n;
		len -= n;
	}
	return 0;
}

static int shell_extents(struct blockdev *bd, uint64_t off, uint64_t len, extent_fn *fn, void *arg)
{
	const struct vhdx_shell *s = (const struct vhdx_shell *)bd;

	while (len) {
		uint64_t run;
		enum where w = region(s, off, &run);
		uint64_t n = run < len ? run : len;
		int rc;

		if (w == DISK)
			rc = blockdev_extents_as(bd->lower, off - s->payload, n, off, fn, arg);
		else
			rc = fn(arg, off, n, w == PADDING ? EXTENT_HOLE : EXTENT_DATA);
		if (rc)
			return rc;
		off += n;
		len -= n;
	}
	return 0;
}

static void shell_prefetch(struct blockdev *bd, uint64_t off, uint64_t len)
{
	const struct vhdx_shell *s = (const struct vhdx_shell *)bd;
	uint64_t run;

	if (region(s, off, &run) == DISK)
		blockdev_prefetch(bd->lower, off - s->payload, run < len ? run : len);
}

static const struct blockdev_ops shell_ops = {
	.name = "vhdx", .pread = shell_pread, .extents = shell_extents, .prefetch = shell_prefetch,
};

struct blockdev *vhdx_shell_open(struct blockdev *lower, const uint8_t id[16], struct error *err)
{
	static const char creator[] = "adebackup";
	struct vhdx_shell *s = NULL;
	uint64_t bat;

	if (!lower)
		return NULL;
	if (!vhdx_file_size(lower->size))
		error_set(err, EINVAL, "a VHDX holds from 1 byte to 64 TiB");
	else if (!(s = calloc(1, sizeof(*s))))
		error_set(err, ENOMEM, "out of memory");
	if (!s) {
		blockdev_unref(lower);
		return NULL;
	}
	bat = bat_bytes(lower->size);
	s->payload = BAT_AT + bat;
	memcpy(s->ident, "vhdxfile", 8);
	for (size_t i = 0; i < sizeof(creator) - 1; i++)
		s->ident[8 + 2 * i] = (uint8_t)creator[i];
	write_headers(s, id);
	write_regions(s, bat);
	write_metadata(s, lower->size, id);
	blockdev_init(&s->bd, &shell_ops, lower, vhdx_file_size(lower->size));
	s->bd.writable = false;
	return &s->bd;
}
