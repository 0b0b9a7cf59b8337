/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/azure/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	azure_settings_free(azure_settings_parse(data, len, NULL));
	return 0;
}
