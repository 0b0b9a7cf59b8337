/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of objects as Azure Blob, S3 and nginx write them; the first byte chooses. */
#include "fs/store/listing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct listing l = { .n = 0 };

	if (!len)
		return 0;
	if (data[0] == 'a')
		listing_azure(&l, data + 1, len - 1, NULL);
	else if (data[0] == 's')
		listing_s3(&l, data + 1, len - 1, NULL);
	else
		listing_nginx(&l, data + 1, len - 1, NULL);
	listing_clear(&l);
	return 0;
}
