/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/bitlocker/bitlocker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(secret_free) struct secret *file = secret_copy(data, size);
	struct error err = ERROR_INIT;
	AUTO(bek_free) struct bek *k = bek_parse(file, &err);

	if (!k && err.code != EBADMSG)
		abort();
	if (k && (!bek_detect(data, size) || secret_len(k->key) != 32 || strlen(k->guid) != 36 ||
		  (k->volume_guid[0] && strlen(k->volume_guid) != 36)))
		abort();
	return 0;
}
