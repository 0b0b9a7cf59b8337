/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a SPEC to the bytes of a disk: a local file or block device, or a file
 * behind HTTP, reached as the options say.
 */
#ifndef ADE_TOOLS_LIB_SOURCE_OPENING_H
#define ADE_TOOLS_LIB_SOURCE_OPENING_H

#include "fs/image/blockdev.h"
#include "fs/vault/chunk_cache.h"
#include "tools/lib/options.h"

/* What sources behind HTTP share; zeroed at first. */
struct source_opening {
	struct chunk_cache *cache;	/* NULL: no such source yet */
	size_t cache_bytes;		/* for a new one; 0: the default */
	struct store *meter;		/* of the source that was opened last; borrowed from it */
};

/* As disk_source_open().  Close s after the last of its sources. */
struct blockdev *source_open(struct source_opening *s, const char *spec, const struct options *o, bool *vhd,
			     struct error *err);
/* The same with the credentials that were given with the address `as`. */
struct blockdev *source_open_as(struct source_opening *s, const char *spec, const char *as, const struct options *o,
				bool *vhd, struct error *err);
void source_opening_close(struct source_opening *s);

/* Where the source came from, for the manifest: without any secret.  Borrowed from both. */
const char *source_words(const struct blockdev *source, const char *spec);

#endif
