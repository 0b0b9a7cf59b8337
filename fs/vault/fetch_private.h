/* SPDX-License-Identifier: Apache-2.0 */
/* A fetcher, and how the chunks of one request are filled.  Private to fs/vault/fetch*.c. */
#ifndef ADE_FS_VAULT_FETCH_PRIVATE_H
#define ADE_FS_VAULT_FETCH_PRIVATE_H

#include "fs/vault/fetch.h"
#include "fs/vault/fetch_plan.h"
#include "fs/vault/segment_keys.h"

#include <pthread.h>

#define OPENERS 32u			/* kept, each with the key of its last segment */

struct fetcher {
	struct store *st;
	const struct key_ring *ring;
	struct chunk_cache *cache;
	struct fetch_pool *pool;
	struct segment_keys *keys;
	uint32_t chunk_size;
	_Atomic unsigned logged;
	pthread_mutex_t lock;		/* guards all below */
	uint8_t missing[SEGMENT_ID_BYTES];	/* the segment that was found missing last */
	struct chunk_opener *opener[OPENERS];
	uint8_t of[OPENERS][SEGMENT_ID_BYTES];
	unsigned n_openers;
};

/* One that has the segment's key, if there is one; NULL: no memory.  Given back, also NULL. */
struct chunk_opener *fetch_take_opener(struct fetcher *f, const uint8_t *segment);
void fetch_give_opener(struct fetcher *f, struct chunk_opener *o, const uint8_t *segment);

void fetch_log_fault(struct fetcher *f, const struct chunk_ref *ref, const char *text);
void fetch_note_missing(struct fetcher *f, const uint8_t *segment);

/* Held: from the cache, from the thread that fetches it, or fetched here, alone. */
int fetch_hold_one(struct fetcher *f, const struct want *w, struct chunk **out);

/* What one request brings: each chunk is opened and published as soon as all of it has come, so that readers need
 * not wait for the last byte, and no more than one sealed chunk is in memory. */
struct load {
	struct store_sink sink;
	struct fetcher *f;
	const struct want *want[RUN_CHUNKS_MAX];
	struct chunk *chunk[RUN_CHUNKS_MAX];	/* claimed by this thread; NULL: published */
	uint8_t *patch[RUN_CHUNKS_MAX];		/* opened payload of a PATCH, applied at the end */
	int rc[RUN_CHUNKS_MAX];			/* why it could not be opened */
	size_t n;
	uint32_t from, to;			/* in the segment */
	uint8_t *sealed;			/* the chunk that is coming */
	size_t at, have;			/* which, and how much of it */
	size_t pos;				/* bytes that have come */
};

/* k, which this thread has claimed for w, in the order in which they lie. */
void load_add(struct load *l, const struct want *w, struct chunk *k);
/* One request for what was added; then publish all that is left.  get comes first, then fill, with what get
 * returned; fill returns the first failure, or 0. */
int load_get(struct load *l);
int load_fill(struct load *l, int rc);

#endif
