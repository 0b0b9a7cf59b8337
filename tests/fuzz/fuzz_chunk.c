/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads of chunks: byte 0 is the kind; what unpacks fills the chunk and no more. */
#include "fs/vault/segment.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t base[CHUNK_MIN];
	AUTO(free) uint8_t *chunk = malloc(CHUNK_MIN);
	AUTO(free) uint8_t *payload = malloc(size + 1);

	if (!chunk || !payload || !size)
		return 0;
	memset(base, 'b', sizeof(base));
	memcpy(payload, data + 1, size - 1);
	chunk_unpack((enum chunk_kind)data[0], payload, size - 1, base, chunk, CHUNK_MIN);
	return 0;
}
