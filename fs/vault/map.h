/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk's map: from chunk number to where the chunk lies.  A tree of pages of
 * 1,024 entries; leaves name chunks, pages above name pages.  What is missing
 * reads as zeros.  FORMAT.md, section "Map".
 */
#ifndef ADE_FS_VAULT_MAP_H
#define ADE_FS_VAULT_MAP_H

#include "fs/vault/segment.h"

#define MAP_FANOUT 1024u
#define MAP_LEVELS_MAX 5u
#define MAP_PAGE_MAX (32u + MAP_FANOUT * 32u + 2 * MAP_FANOUT * 32u + MAP_FANOUT * 32u)

/* One entry with all that is needed to fetch it; base only for PATCH. */
struct map_entry {
	struct chunk_ref ref;		/* kind CHUNK_ZERO: nothing is stored */
	struct chunk_ref base;
};

/* A page's bytes, checked; entries are decoded when asked for. */
struct map_page;
/* Copies the bytes.  NULL: EBADMSG, ENOMEM. */
struct map_page *map_page_parse(const void *bytes, size_t len, struct error *err);
void map_page_free(struct map_page *p);
unsigned map_page_level(const struct map_page *p);
unsigned map_page_entries(const struct map_page *p);
uint32_t map_page_chunk_size(const struct map_page *p);
uint64_t map_page_first(const struct map_page *p);	/* number of the first chunk below it */
/* Entry i; those behind the last are CHUNK_ZERO. */
void map_page_entry(const struct map_page *p, unsigned i, struct map_entry *out);

/* Page bytes for entries[n], n <= 1,024: malloc'ed.  All-zero: *len 0, *out NULL. */
int map_page_build(unsigned level, uint32_t chunk_size, uint64_t first_chunk,
		   const struct map_entry *entries, unsigned n, void **out, size_t *len);

/* Levels of pages that a disk of so many chunks has: 1 for up to 1,024, … */
unsigned map_levels(uint64_t n_chunks);
/* Chunks below one entry of a page of that level: 1, 1024, … */
uint64_t map_span(unsigned level);

DEFINE_CLEANUP(struct map_page *, map_page_free);

#endif
