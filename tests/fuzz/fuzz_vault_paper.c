/* SPDX-License-Identifier: Apache-2.0 */
/* Keys typed from paper: what is taken prints and parses to the same key. */
#include "fs/vault/slot_paper.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t key[PAPER_KEY_BYTES], back[PAPER_KEY_BYTES];

	if (slot_paper_is(data, size) && slot_paper_parse(data, size, key, NULL) == 0) {
		AUTO(secret_free) struct secret *paper = slot_paper_print(key, "fuzz");

		if (!paper || slot_paper_parse(secret_bytes(paper), secret_len(paper), back, NULL) < 0 ||
		    memcmp(key, back, sizeof(key)))
			abort();
	}
	return 0;
}
