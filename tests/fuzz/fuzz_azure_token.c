/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/net/azure_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct secret *token = NULL;
	int64_t life;

	if (token_parse(data, len, &token, &life, NULL) == 0)
		secret_free(token);
	return 0;
}
