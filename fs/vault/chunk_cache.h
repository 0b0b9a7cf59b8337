/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opened chunks in memory (unpacked, still ciphertext of the disk), shared by
 * all disks of a mount, and the threads that fetch them.  Bounded: by default
 * 64 MiB; what is being filled, or still held by a reader, comes on top.
 *
 * Single flight: whoever claims a missing chunk first fills it, others wait
 * for him.  A claim is only ever held by a running thread that fills it now,
 * never by queued work, so a wait ends when that thread's store answers.
 *
 * Scan-resistant (2Q): a chunk first enters a queue of new ones and leaves it
 * in order of arrival, however often it was touched there; only one that is
 * asked for again after it left belongs to the often used ones.  Reading a
 * disk from end to end passes through the queue and evicts nothing else.
 *
 * All functions: any number of threads.
 */
#ifndef ADE_FS_VAULT_CHUNK_CACHE_H
#define ADE_FS_VAULT_CHUNK_CACHE_H

#include "fs/vault/segment.h"

#define CHUNK_CACHE_BYTES (64u << 20)

struct chunk_cache;
struct fetch_pool;
struct chunk;				/* one opened chunk, held by whoever got it */

/* bytes 0: CHUNK_CACHE_BYTES.  Starts no thread before the first fetch that
 * needs one, so that it may be made before a fork.  NULL: ENOMEM. */
struct chunk_cache *chunk_cache_new(size_t bytes, struct error *err);
void chunk_cache_free(struct chunk_cache *c);	/* every disk is closed, no chunk held */
struct fetch_pool *chunk_cache_pool(struct chunk_cache *c);	/* borrowed */

enum chunk_claim {
	CLAIM_READY,		/* its bytes are there */
	CLAIM_MINE,		/* fill chunk_buffer() now, then chunk_cache_publish() */
	CLAIM_BUSY,		/* another thread fills it: chunk_cache_wait() */
};

/* The chunk that lies at ref, of size bytes; *out is held then.  An enum
 * chunk_claim, or -ENOMEM. */
int chunk_cache_claim(struct chunk_cache *c, const struct chunk_ref *ref, uint32_t size,
		      struct chunk **out);
/* The chunk, held, if it is there; else NULL.  Counts as a use. */
struct chunk *chunk_cache_get(struct chunk_cache *c, const struct chunk_ref *ref);
/* There, or being filled?  No use, no hold. */
bool chunk_cache_has(struct chunk_cache *c, const struct chunk_ref *ref);

/* Ends a claim: rc 0, or why it was not filled, which those who wait are
 * told; the next claim tries again.  Still held. */
void chunk_cache_publish(struct chunk_cache *c, struct chunk *k, int rc);
int chunk_cache_wait(struct chunk_cache *c, struct chunk *k);	/* 0 or its -errno */
struct chunk *chunk_hold(struct chunk *k);	/* once more */
void chunk_put(struct chunk *k);		/* no longer held; NULL allowed */

uint8_t *chunk_buffer(struct chunk *k);		/* CLAIM_MINE alone */
const uint8_t *chunk_bytes(const struct chunk *k);	/* once it is there */

struct chunk_cache_stats { uint64_t hits, misses, waits, evicted, bytes, chunks; };
void chunk_cache_stats(struct chunk_cache *c, struct chunk_cache_stats *out);

DEFINE_CLEANUP(struct chunk_cache *, chunk_cache_free);
DEFINE_CLEANUP(struct chunk *, chunk_put);

#endif
