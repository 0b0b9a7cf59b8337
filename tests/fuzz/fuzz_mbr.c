/* SPDX-License-Identifier: Apache-2.0 */
/* Partition tables as they lie on a disk: MBR, extended records, the decision
 * between them, GPT and none.  Rows must lie inside the disk, and a moved
 * start must be read back. */
#include "fs/image/mem.h"
#include "fs/image/tablepatch.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void move_and_read_back(struct blockdev *disk, const struct partition_table *t)
{
	struct splice_piece pieces[PARTITIONS_MAX + TABLE_PATCHES_MAX];
	const struct partition *p = &t->part[0];
	struct table_move move = { p->n, p->start + t->sector_size };
	AUTO(partitions_free) struct partition_table *again = NULL;
	AUTO(blockdev_unref) struct blockdev *moved = NULL;
	size_t n;

	if (table_patch(disk, t, &move, 1, pieces, &n, NULL) < 0)
		return;
	moved = splice_open(blockdev_ref(disk), pieces, n, NULL);
	/* Pieces may overlap each other in a hostile table: that is refused. */
	if (moved && partitions_read(moved, &again, NULL, NULL) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	AUTO(blockdev_unref) struct blockdev *disk = NULL;
	AUTO(partitions_free) struct partition_table *t = NULL;
	struct error err = ERROR_INIT, warning = ERROR_INIT;

	memcpy(copy, data, size);
	disk = mem_open(copy, size, NULL);
	if (!disk || partitions_read(disk, &t, &err, &warning) < 0)
		return 0;
	for (size_t i = 0; i < t->n_parts; i++)
		if (t->part[i].start >= size || t->part[i].size > size - t->part[i].start)
			abort();
	if (t->n_parts)
		move_and_read_back(disk, t);
	return 0;
}
