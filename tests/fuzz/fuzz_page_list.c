/* SPDX-License-Identifier: Apache-2.0 */
/* What a Blob service lists of a page blob; ranges that are taken lie inside what was asked for. */
#include "fs/image/pagelist.h"

#include <stdlib.h>

#define FROM (UINT64_C(1) << 20)
#define TO (UINT64_C(8) << 40)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct page_list l = { .n = 0 };

	if (page_list_parse(&l, data, len, FROM, TO, NULL) == 0)
		for (size_t i = 0; i < l.n; i++)
			if (!l.at[i].len || l.at[i].off < FROM || l.at[i].len > TO - l.at[i].off ||
			    (l.at[i].off | l.at[i].len) % 512)
				abort();
	page_list_clear(&l);
	return 0;
}
