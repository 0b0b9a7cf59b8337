/* SPDX-License-Identifier: Apache-2.0 */
/* crypttab lines: names are plain, and what they name is in bounds. */
#include "fs/azure/adapt.h"
#include "fs/azure/crypttab.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size, *before = at;
	struct crypttab_line l;

	while (crypttab_next(&at, end, &l)) {
		if (at <= before || at > end || !adapt_mapper_is_plain(l.name))
			abort();
		if (l.by == CRYPTTAB_BY_LUN && (l.lun < 0 || l.lun > 9999 || l.partition > 9999))
			abort();
		if (l.by == CRYPTTAB_BY_UUID && (!*l.uuid || strlen(l.uuid) >= sizeof(l.uuid)))
			abort();
		before = at;
	}
	return 0;
}
