/* SPDX-License-Identifier: Apache-2.0 */
/* Boot records and FAT folders: the input is a small disk, with a table or as one FAT volume. */
#include "fs/image/fatread.h"
#include "fs/image/guestos.h"
#include "fs/image/mem.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int count(void *arg, const char *name)
{
	*(size_t *)arg += strlen(name);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(blockdev_unref) struct blockdev *bd = NULL;
	AUTO(partitions_free) struct partition_table *t = NULL;
	struct guestos g;
	size_t letters = 0;
	void *copy = malloc(size + 1);

	memcpy(copy, data, size);
	bd = mem_open(copy, size, NULL);
	if (!bd)
		return 0;
	fat_has_file(bd, "EFI/BOOT/BOOTX64.EFI");
	fat_each_folder(bd, "EFI", count, &letters);
	if (!partitions_read(bd, &t, NULL, NULL) && !guestos_look(bd, t, &g, NULL))
		guestos_generation(&g);
	return 0;
}
