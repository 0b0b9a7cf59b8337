/* SPDX-License-Identifier: Apache-2.0 */
/* The clear JSON texts of a vault: slots and the vault's own description. */
#include "fs/vault/slot_text.h"
#include "fs/vault/vault_text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(slot_text_clear) struct slot_text t = { 0 };
	struct vault_info info;

	if (slot_text_parse(data, size, &t, NULL) == 0) {
		AUTO(slot_text_clear) struct slot_text back = { 0 };
		AUTO(free) char *text = slot_text_print(&t);
		AUTO(free) void *aad = NULL;
		size_t len;

		aad = slot_text_aad(&t, &len);
		if (!text || !aad || slot_text_parse(text, strlen(text), &back, NULL) < 0 ||
		    back.ring_len != t.ring_len || strcmp(back.id, t.id))
			abort();
	}
	if (vault_text_parse(data, size, &info, NULL) == 0 && !info.chunk_size)
		abort();
	return 0;
}
