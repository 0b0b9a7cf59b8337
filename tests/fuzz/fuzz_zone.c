/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the zone data base: whatever they say, local times and instants go to and fro, and it ends. */
#include "fs/policy/zone.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int64_t instants[] = { INT64_C(-62135596800), -1, 0, 951782400, 1774746000, 1793494800, 4102444800,
					    INT64_C(253402300799) };
	AUTO(zone_free) struct zone *z = zone_parse(data, size, NULL);

	if (!z)
		return 0;
	for (size_t i = 0; i < sizeof(instants) / sizeof(instants[0]); i++) {
		int32_t offset = zone_offset(z, instants[i]);
		int64_t back = zone_to_utc(z, instants[i]);

		if (abs(offset) > 8 * 86400 || llabs(back - instants[i]) > 16 * 86400)
			abort();
	}
	return 0;
}
