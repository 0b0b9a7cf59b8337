/* SPDX-License-Identifier: Apache-2.0 */
/* Map pages, as they are behind their seal: what is taken builds the same entries again. */
#include "fs/vault/map.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void entry_at(const struct map_page *p, unsigned i, struct map_entry *out)
{
	memset(out, 0, sizeof(*out));
	map_page_entry(p, i, out);
	if (out->ref.kind > CHUNK_PATCH || (out->ref.kind && out->ref.off + (uint64_t)out->ref.len > SEGMENT_STORED_MAX) ||
	    (out->ref.kind == CHUNK_PATCH && (!out->base.kind || out->base.kind == CHUNK_PATCH)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(map_page_free) struct map_page *p = map_page_parse(data, size, NULL), *back = NULL;
	AUTO(free) struct map_entry *entries = NULL;
	AUTO(free) void *bytes = NULL;
	size_t len;

	entries = p ? calloc(MAP_FANOUT, sizeof(*entries)) : NULL;
	if (!entries)
		return 0;
	for (unsigned i = 0; i < MAP_FANOUT; i++)
		entry_at(p, i, &entries[i]);
	if (map_page_build(map_page_level(p), map_page_chunk_size(p), map_page_first(p), entries, MAP_FANOUT, &bytes,
			   &len) < 0)
		abort();
	back = bytes ? map_page_parse(bytes, len, NULL) : NULL;
	if (bytes && !back)
		abort();
	for (unsigned i = 0; back && i < MAP_FANOUT; i++) {
		struct map_entry e;

		entry_at(back, i, &e);
		if (memcmp(&e, &entries[i], sizeof(e)))
			abort();
	}
	return 0;
}
