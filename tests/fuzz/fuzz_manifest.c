/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/point.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken can be written, and reads back as the same text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(point_free) struct point *p = point_from_json(data, size, NULL), *back = NULL;
	AUTO(free) char *text = NULL, *again = NULL;

	if (!p || point_to_json(p, &text, NULL) < 0)
		return 0;
	back = point_from_json(text, strlen(text), NULL);
	if (!back || point_to_json(back, &again, NULL) < 0 || strcmp(text, again))
		abort();
	return 0;
}
