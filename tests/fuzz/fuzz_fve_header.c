/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A BitLocker boot sector, and a small image behind it whose blocks nobody
 * repairs: detection, boot sector, and how missing metadata is told.
 */
#include "crypto/bitlocker/fve.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader_mem m = { data, size };
	struct reader r = reader_from_mem(&m);
	struct error err = ERROR_INIT;
	struct fve_boot boot;
	struct bitlocker *b;

	if (size >= 512 && fve_boot_parse(data, &boot, &err) == 0 &&
	    (!bitlocker_detect(data) || (boot.sector_size != 512 && boot.sector_size != 4096)))
		abort();
	b = bitlocker_open(&r, &err);
	if (!b && (!err.code || !err.text[0]))
		abort();
	bitlocker_free(b);
	return 0;
}
