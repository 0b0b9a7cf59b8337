/* SPDX-License-Identifier: Apache-2.0 */
/* The boot partition: ext lookup of the header file, and the scan of others; a folder of headers. */
#include "fs/image/bootfile.h"
#include "fs/image/mem.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t accept_any(struct blockdev *bd)
{
	return bd->size < 4096 ? bd->size : 4096;
}

static int see(void *arg, struct blockdev *file, const char *name)
{
	(void)arg;
	if (file->size > BOOTFILE_MAX || strncmp(name, "az", 2) || strlen(name) >= 64)
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(blockdev_unref) struct blockdev *bd = NULL, *file = NULL;
	uint8_t *copy = malloc(size ? size : 1), buf[512];
	char where[64];

	memcpy(copy, data, size);
	bd = mem_open(copy, size, NULL);
	file = bootfile_find(bd, accept_any, where, sizeof(where), NULL);
	if (file && (file->size > BOOTFILE_MAX ||
		     (file->size >= sizeof(buf) && blockdev_pread(file, buf, sizeof(buf), 0) < 0)))
		abort();
	bootfile_each_ext(bd, "/var/lib/a", "az", see, NULL);
	return 0;
}
