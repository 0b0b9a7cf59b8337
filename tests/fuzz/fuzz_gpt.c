/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GPT behind its checksums: the input is a small disk, whose protective MBR,
 * header and array CRCs are mended at both places before it is read, so that
 * the fuzzer gets past them.  The first byte chooses what is mended.
 */
#include "crypto/bytes.h"
#include "fs/image/mem.h"
#include "fs/image/tablepatch.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mend(uint8_t *disk, size_t size, size_t off, uint32_t sector)
{
	uint8_t *h = disk + off;
	uint64_t at, len;
	uint32_t header;

	if (off + 512 > size)
		return;
	memcpy(h, "EFI PART", 8);
	put_le64(h + 24, off / sector);
	header = le32(h + 12);
	if (header < 92 || header > 512)
		put_le32(h + 12, header = 92);
	len = (uint64_t)le32(h + 80) * le32(h + 84);
	if (mul_u64(le64(h + 72), sector, &at) && range_fits(at, len, size))
		put_le32(h + 88, gpt_crc32(disk + at, (size_t)len));
	put_le32(h + 16, 0);
	put_le32(h + 16, gpt_crc32(h, header));
}

static void check(struct blockdev *disk, const struct partition_table *t, size_t size)
{
	struct splice_piece pieces[PARTITIONS_MAX + TABLE_PATCHES_MAX];
	struct table_move move;
	size_t n;

	for (size_t i = 0; i < t->n_parts; i++)
		if (t->part[i].start >= size || t->part[i].size > size - t->part[i].start)
			abort();
	if (!t->n_parts)
		return;
	move = (struct table_move){ t->part[0].n, t->part[0].start + t->sector_size };
	if (table_patch(disk, t, &move, 1, pieces, &n, NULL) == 0)
		blockdev_unref(splice_open(blockdev_ref(disk), pieces, n, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(partitions_free) struct partition_table *t = NULL;
	AUTO(blockdev_unref) struct blockdev *disk = NULL;
	struct error err = ERROR_INIT, warning = ERROR_INIT;
	uint32_t sector;
	uint8_t *copy;
	uint8_t how;

	if (size < 2048)
		return 0;
	how = data[0];
	sector = how & 1 ? 4096 : 512;
	if (size < 2 * sector)
		return 0;
	copy = malloc(size);
	memcpy(copy, data, size);
	copy[446 + 4] = 0xee;
	copy[510] = 0x55;
	copy[511] = 0xaa;
	if (how & 2)
		mend(copy, size, sector, sector);
	if (how & 4)
		mend(copy, size, size / sector * sector - sector, sector);
	disk = mem_open(copy, size, NULL);
	if (disk && partitions_read(disk, &t, &err, &warning) == 0)
		check(disk, t, size);
	return 0;
}
