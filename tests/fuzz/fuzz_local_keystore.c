/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a local key store: its description, and sealed objects that somebody without its key wrote. */
#include "fs/keys/local_seal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO(secret_free) struct secret *key = secret_new(32);
	uint8_t id[LOCAL_ID_BYTES];
	char check[65];

	if (local_config_parse(data, len, id, check, NULL) == 0 && strlen(check) != 64)
		abort();
	if (key && local_unseal(key, "secrets/a", data, len, NULL))
		abort();		/* nothing was ever sealed with this key */
	return 0;
}
