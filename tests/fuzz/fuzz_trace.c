/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/trace.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken names disks that it has, and prints and reads back as itself. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(trace_free) struct trace *t = trace_from_json(data, size, NULL), *back = NULL;
	AUTO(free) char *text = t ? trace_to_json(t) : NULL;

	if (!t)
		return 0;
	for (size_t i = 0; i < t->n_rows; i++)
		if (t->row[i].disk >= t->n_disks || !t->row[i].n)
			abort();
	back = text ? trace_from_json(text, strlen(text), NULL) : NULL;
	if (!back || back->n_rows != t->n_rows || back->n_disks != t->n_disks)
		abort();
	for (size_t i = 0; i < t->n_rows; i++)
		if (back->row[i].chunk != t->row[i].chunk || back->row[i].n != t->row[i].n || back->row[i].disk != t->row[i].disk)
			abort();
	return 0;
}
