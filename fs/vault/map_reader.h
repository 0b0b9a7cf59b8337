/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the map of one disk of a point: pages are fetched when a chunk below
 * them is asked for, opened, checked against their place, and kept in a
 * bounded cache (the 128 last used, at most 16 MiB).  A page that several
 * threads want is fetched once.  What is zero in a page above is never
 * followed, so holes cost nothing.  A top page that the manifest holds is not
 * fetched.
 *
 * Any number of threads.  Errors: -EBADMSG (a page is damaged or cut), -ENOENT
 * (its segment is missing: damage, unless the point has a newer manifest; see
 * point_map.h), what the store answers, -ENOMEM; each with words.
 */
#ifndef ADE_FS_VAULT_MAP_READER_H
#define ADE_FS_VAULT_MAP_READER_H

#include "fs/vault/map.h"
#include "fs/vault/point.h"

struct map_reader;

/* Keep the sealed top page in d->top_page, where the manifest takes it to, so
 * that whoever reads the disk later asks for one page less.  0 (also when the
 * disk is all zeros) or -errno with words. */
int map_keep_top(struct store *st, struct point_disk *d, struct error *err);

/* Store and ring are borrowed and outlive the reader; d is only read here.
 * Fetches nothing.  NULL: EBADMSG (size, levels and chunk size do not go
 * together), ENOMEM. */
struct map_reader *map_reader_new(struct store *st, const struct key_ring *ring,
				  const struct point_disk *d, struct error *err);
void map_reader_free(struct map_reader *m);

uint64_t map_reader_chunks(const struct map_reader *m);	/* that the disk has */

/* Entries of n chunks from `chunk` on; behind the disk's end they are zero. */
int map_reader_entries(struct map_reader *m, uint64_t chunk, size_t n, struct map_entry *out,
		       struct error *err);

/* The entry of one chunk, if its page is in memory: true. */
bool map_reader_entry_now(struct map_reader *m, uint64_t chunk, struct map_entry *out);

/* How many chunks from `chunk` on, at least 1 and at most max, are alike: all
 * zero or all stored.  May stop short of the whole run (at a page's end). */
int map_reader_run(struct map_reader *m, uint64_t chunk, uint64_t max, uint64_t *n, bool *zero,
		   struct error *err);

/* Every page of the map, parents first, past the cache: where it lies, its
 * level, the first chunk below it.  page NULL, rc 1: not read yet; 0 passes it
 * over with all below, 1 reads it.  Then the page, or NULL and why it cannot
 * be read (a missing one is -EBADMSG here; what is below is not visited then).  Negative stops the walk. */
typedef int map_page_fn(void *arg, const struct chunk_ref *ref, unsigned level, uint64_t first,
			const struct map_page *page, int rc);
int map_reader_walk(struct map_reader *m, map_page_fn *fn, void *arg);

DEFINE_CLEANUP(struct map_reader *, map_reader_free);

#endif
