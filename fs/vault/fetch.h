/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From map entries to opened chunks in the cache: chunks that lie next to each
 * other in a segment are one request, up to 4 MiB; each is opened, unpacked
 * and, if it is a PATCH, applied to its base, which is fetched beside it.
 *
 * Any number of threads.  Errors: -EBADMSG (damaged or cut), -ENOENT (the segment
 * is missing: damage, unless the point has a newer manifest; see point_map.h),
 * what the store answers, -ENOMEM.  A chunk whose bytes are not what was sealed
 * for its place is never handed out.  Faults are logged here, with the segment's
 * name, but for one that is missing.
 */
#ifndef ADE_FS_VAULT_FETCH_H
#define ADE_FS_VAULT_FETCH_H

#include "fs/vault/chunk_cache.h"
#include "fs/vault/fetch_pool.h"
#include "fs/vault/map.h"

struct fetcher;

/* For chunks of one size.  All is borrowed and outlives the fetcher.  NULL: ENOMEM. */
struct fetcher *fetcher_new(struct store *st, const struct key_ring *ring, struct chunk_cache *cache,
			    uint32_t chunk_size, struct error *err);
void fetcher_quiet(struct fetcher *f);	/* faults are the caller's to tell, not to log */
/* Name of the segment that this one found missing last; empty: none. */
void fetcher_missing(struct fetcher *f, char *name, size_t size);
void fetcher_free(struct fetcher *f);	/* waits for what is in flight */

/* The chunks of n entries, each held in out[]; NULL where it is zero.  On
 * failure none is held.  Requests beyond the first go to the pool's threads. */
int fetch_chunks(struct fetcher *f, const struct map_entry *e, size_t n, struct chunk **out);

/* Into the cache, by the pool's threads, at the urgency of what may wait; what
 * the pool does not take is not fetched.  Errors are left to whoever asks. */
void fetch_ahead(struct fetcher *f, const struct map_entry *e, size_t n);

DEFINE_CLEANUP(struct fetcher *, fetcher_free);

#endif
