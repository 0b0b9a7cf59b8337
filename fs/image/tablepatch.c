/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/tablepatch.h"
#include "crypto/bytes.h"
#include "fs/image/mem.h"

#include <errno.h>
#include <string.h>

static const struct partition *row_of(const struct partition_table *t, unsigned n)
{
	for (size_t i = 0; i < t->n_parts; i++)
		if (t->part[i].n == n)
			return &t->part[i];
	return NULL;
}

static int add_piece(struct splice_piece *pieces, size_t *n, uint64_t off, const void *bytes,
		     size_t len, struct error *err)
{
	void *copy = malloc(len);

	if (!copy)
		return error_set(err, ENOMEM, "out of memory");
	memcpy(copy, bytes, len);
	pieces[*n].off = off;
	pieces[*n].dev = mem_open(copy, len, err);
	if (!pieces[*n].dev)
		return -ENOMEM;
	(*n)++;
	return 0;
}

/* One row in one sector.  Rows of one sector come one after another, so each
 * patch reads what the pieces before it made. */
static int patch_mbr_row(struct blockdev *disk, const struct partition_table *t,
			 const struct partition *p, uint64_t start, struct splice_piece *pieces,
			 size_t *n, struct error *err)
{
	uint64_t lba = (start - p->row_base) / t->sector_size;
	uint64_t count = (p->start + p->stored_size - start) / t->sector_size;
	uint8_t row[16];
	int rc = blockdev_pread(disk, row, sizeof(row), p->row_off);

	if (rc < 0)
		return error_set(err, -rc, "the partition table cannot be read");
	if (lba > UINT32_MAX || count > UINT32_MAX)
		return error_set(err, EINVAL, "partition %u does not fit an MBR", p->n);
	memcpy(row + 1, (uint8_t[]){ 0xfe, 0xff, 0xff }, 3);	/* CHS: beyond it */
	memcpy(row + 5, (uint8_t[]){ 0xfe, 0xff, 0xff }, 3);
	put_le32(row + 8, (uint32_t)lba);
	put_le32(row + 12, (uint32_t)count);
	return add_piece(pieces, n, p->row_off, row, sizeof(row), err);
}

static int patch_mbr(struct blockdev *disk, const struct partition_table *t,
		     const struct table_move *moves, size_t n_moves, struct splice_piece *pieces,
		     size_t *n, struct error *err)
{
	for (size_t i = 0; i < n_moves; i++) {
		int rc = patch_mbr_row(disk, t, row_of(t, moves[i].n), moves[i].start, pieces, n, err);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static void fix_header(uint8_t h[512], uint64_t own, uint64_t other, uint64_t array_lba,
		       uint32_t array_crc)
{
	put_le64(h + 24, own);
	put_le64(h + 32, other);
	put_le64(h + 72, array_lba);
	put_le32(h + 88, array_crc);
	put_le32(h + 16, 0);
	put_le32(h + 16, gpt_crc32(h, le32(h + 12)));
}

/* Where a copy stands, or would stand if it is damaged: the primary behind
 * the protective MBR, the backup at the disk's end. */
static void places(const struct blockdev *disk, const struct partition_table *t, size_t bytes,
		   struct gpt_place *a, struct gpt_place *b)
{
	uint64_t sector = t->sector_size, end = disk->size / sector * sector;
	uint64_t span = (bytes + sector - 1) / sector * sector;

	*a = t->primary;
	*b = t->backup;
	if (!a->valid) {
		a->header_off = sector;
		a->array_off = 2 * sector;
	}
	if (!b->valid) {
		b->header_off = end - sector;
		b->array_off = end - sector - span;
	}
}

static int patch_array(uint8_t *array, const struct partition_table *t,
		       const struct table_move *moves, size_t n_moves)
{
	for (size_t i = 0; i < n_moves; i++) {
		uint32_t row = moves[i].n - 1;

		if (row >= t->gpt_rows)
			return -EINVAL;
		put_le64(array + (size_t)row * t->gpt_row_bytes + 32, moves[i].start / t->sector_size);
	}
	return 0;
}

static int patch_gpt(struct blockdev *disk, const struct partition_table *t,
		     const struct table_move *moves, size_t n_moves, struct splice_piece *pieces,
		     size_t *n, struct error *err)
{
	const struct gpt_place *good = t->primary.valid ? &t->primary : &t->backup;
	size_t bytes = (size_t)t->gpt_rows * t->gpt_row_bytes;
	AUTO(free) uint8_t *array = malloc(bytes);
	struct gpt_place a, b;
	uint8_t header[512];
	uint64_t s = t->sector_size;
	uint32_t crc;
	int rc;

	if (!array)
		return error_set(err, ENOMEM, "out of memory");
	rc = blockdev_pread(disk, array, bytes, good->array_off);
	if (rc == 0)
		rc = blockdev_pread(disk, header, sizeof(header), good->header_off);
	if (rc == 0)
		rc = patch_array(array, t, moves, n_moves);
	if (rc < 0)
		return error_set(err, -rc, "the partition table cannot be read");
	crc = gpt_crc32(array, bytes);
	places(disk, t, bytes, &a, &b);
	fix_header(header, a.header_off / s, b.header_off / s, a.array_off / s, crc);
	rc = add_piece(pieces, n, a.header_off, header, sizeof(header), err);
	if (rc == 0)
		rc = add_piece(pieces, n, a.array_off, array, bytes, err);
	/* The backup of a truncated image is not there to be patched. */
	if (rc < 0 || !range_fits(b.header_off, s, disk->size) ||
	    !range_fits(b.array_off, bytes, disk->size))
		return rc;
	fix_header(header, b.header_off / s, a.header_off / s, b.array_off / s, crc);
	rc = add_piece(pieces, n, b.header_off, header, sizeof(header), err);
	return rc < 0 ? rc : add_piece(pieces, n, b.array_off, array, bytes, err);
}

int table_patch(struct blockdev *disk, const struct partition_table *t,
		const struct table_move *moves, size_t n_moves,
		struct splice_piece pieces[PARTITIONS_MAX + TABLE_PATCHES_MAX], size_t *n_pieces,
		struct error *err)
{
	int rc;

	*n_pieces = 0;
	for (size_t i = 0; i < n_moves; i++) {
		const struct partition *p = row_of(t, moves[i].n);

		if (!p || moves[i].start % t->sector_size || moves[i].start < p->start ||
		    moves[i].start - p->start >= p->stored_size)
			return error_set(err, EINVAL, "partition %u cannot be moved to byte %llu",
					 moves[i].n, (unsigned long long)moves[i].start);
	}
	if (!n_moves || t->kind == TABLE_NONE)
		return 0;
	rc = t->kind == TABLE_GPT ? patch_gpt(disk, t, moves, n_moves, pieces, n_pieces, err)
				  : patch_mbr(disk, t, moves, n_moves, pieces, n_pieces, err);
	if (rc < 0)
		while (*n_pieces)
			blockdev_unref(pieces[--*n_pieces].dev);
	return rc;
}
