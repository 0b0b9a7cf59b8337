/* SPDX-License-Identifier: Apache-2.0 */
/* LUKS2's JSON area, behind the checksum that guards it on a disk. */
#include "crypto/luks/luks_private.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct luks *l = calloc(1, sizeof(*l));
	struct error err = ERROR_INIT;
	uint64_t header = 16384;

	while (header - 4096 < size)
		header *= 2;
	if (luks2_parse_json((const char *)data, size, 2 * header, l, &err) < 0) {
		if (!err.code || !err.text[0])
			abort();
	} else {
		for (unsigned i = 0; i < LUKS_SLOTS_MAX; i++)
			if (l->slot[i].usable &&
			    (l->slot[i].area_off < 2 * header || l->slot[i].stripes > LUKS_STRIPES_MAX ||
			     l->slot[i].area_len < (uint64_t)l->key_bytes * l->slot[i].stripes))
				abort();
		if (l->info.sector_size < 512 || l->info.sector_size > 4096)
			abort();
	}
	free(l);
	return 0;
}
