/* SPDX-License-Identifier: Apache-2.0 */
/* Boot loader configurations: what is added is added once, and all else stays. */
#include "fs/image/bootcfg.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NAME "ours.img"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int kind = BOOTCFG_GRUB; kind <= BOOTCFG_BLS; kind++) {
		struct bootcfg_edit first, second;

		if (bootcfg_add_initrd(kind, (const char *)data, size, NAME, &first))
			continue;
		if (!first.changed && (first.len != size || memcmp(first.text, data, size)))
			abort();
		if (!bootcfg_add_initrd(kind, first.text, first.len, NAME, &second)) {
			if (second.changed || second.len != first.len || memcmp(first.text, second.text, first.len))
				abort();
			free(second.text);
		}
		free(first.text);
	}
	return 0;
}
