/* SPDX-License-Identifier: Apache-2.0 */
/* Print a disk's partition table as we read it: "n start size type", bytes. */
#include "fs/image/file.h"
#include "fs/image/partitions.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	AUTO(partitions_free) struct partition_table *t = NULL;
	AUTO(blockdev_unref) struct blockdev *bd = NULL;
	struct error err = ERROR_INIT, warning = ERROR_INIT;

	if (argc != 2)
		return 2;
	bd = file_open(argv[1], &err);
	if (!bd || partitions_read(bd, &t, &err, &warning) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	printf("table %s sector %u%s\n", table_name(t->kind), t->sector_size,
	       t->used_backup ? " backup" : "");
	for (size_t i = 0; i < t->n_parts; i++)
		printf("%u %llu %llu %s\n", t->part[i].n, (unsigned long long)t->part[i].start,
		       (unsigned long long)t->part[i].size, t->part[i].type);
	if (warning.code)
		printf("warning %s\n", warning.text);
	return 0;
}
