/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/refs.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(free) struct refs_row *rows = NULL;
	size_t n;

	if (refs_parse(data, size, &rows, &n, NULL) < 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (!rows[i].chunks || (i && memcmp(rows[i - 1].segment, rows[i].segment, SEGMENT_ID_BYTES) >= 0))
			abort();
	return 0;
}
