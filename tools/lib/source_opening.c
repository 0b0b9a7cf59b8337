/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/source_opening.h"
#include "fs/image/disk.h"
#include "fs/image/webdisk.h"
#include "tools/lib/store_opening.h"

#define CACHED_BYTES (40u << 20)	/* beside what is in flight, which is held twice */

struct blockdev *source_open_as(struct source_opening *s, const char *spec, const char *as, const struct options *o,
				bool *vhd, struct error *err)
{
	struct store_reach r;
	struct blockdev *bd;

	if (!store_is_remote(spec))
		return disk_source_open(spec, vhd, err);
	if (!s->cache && !(s->cache = chunk_cache_new(s->cache_bytes ? s->cache_bytes : CACHED_BYTES, err)))
		return NULL;
	store_reach_from(&r, as, o);
	bd = webdisk_open(spec, &r.store, s->cache, err);
	if (!bd)
		return NULL;
	s->meter = webdisk_meter(bd);
	return disk_source_probe(bd, webdisk_info(bd)->address, vhd, err);
}

struct blockdev *source_open(struct source_opening *s, const char *spec, const struct options *o, bool *vhd,
			     struct error *err)
{
	return source_open_as(s, spec, spec, o, vhd, err);
}

void source_opening_close(struct source_opening *s)
{
	chunk_cache_free(s->cache);
	*s = (struct source_opening){ .cache_bytes = s->cache_bytes };
}

const char *source_words(const struct blockdev *source, const char *spec)
{
	const struct webfile_info *info = webdisk_info(source);

	return info ? info->address : spec;
}
