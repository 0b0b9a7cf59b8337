/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/chunk_cache.h"
#include "crypto/bytes.h"
#include "fs/vault/fetch_pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#define SHARDS 8u
#define BUCKETS 1024u			/* a shard's */
#define GHOSTS 256u			/* a shard's: left the queue of new ones not long ago */
#define BELLS 16u			/* a shard's: who waits for a chunk is not woken for every other one */

enum chunk_state { FILLING, THERE, FAILED };

struct chunk {
	_Atomic unsigned refs;		/* holders, and the index */
	struct shard *shard;
	struct chunk *next;		/* in its bucket */
	struct chunk *newer, *older;	/* in its queue, once THERE */
	uint64_t hash;
	uint8_t segment[SEGMENT_ID_BYTES];
	uint8_t name[CHUNK_NAME_BYTES];
	uint32_t number, size;
	enum chunk_state state;		/* under the shard's lock */
	unsigned waiting;		/* threads, likewise */
	bool often;			/* which queue */
	int rc;
	uint8_t bytes[];
};

struct queue { struct chunk *newest, *oldest; size_t bytes; };

struct shard {
	pthread_mutex_t lock;		/* guards all here, and links and state of its chunks */
	pthread_cond_t filled[BELLS];
	size_t limit;
	struct queue fresh, often;
	struct chunk *bucket[BUCKETS];
	uint64_t ghost[GHOSTS];
	unsigned next_ghost;
	struct chunk_cache_stats stats;
};

struct chunk_cache {
	struct fetch_pool *pool;
	struct shard shard[SHARDS];
};

struct chunk_cache *chunk_cache_new(size_t bytes, struct error *err)
{
	struct chunk_cache *c = calloc(1, sizeof(*c));

	if (!c)
		return error_null(err, ENOMEM, "out of memory");
	c->pool = fetch_pool_new(err);
	if (!c->pool) {
		free(c);
		return NULL;
	}
	for (unsigned i = 0; i < SHARDS; i++) {
		pthread_mutex_init(&c->shard[i].lock, NULL);
		for (unsigned b = 0; b < BELLS; b++)
			pthread_cond_init(&c->shard[i].filled[b], NULL);
		c->shard[i].limit = (bytes ? bytes : CHUNK_CACHE_BYTES) / SHARDS;
	}
	return c;
}

struct chunk *chunk_hold(struct chunk *k)
{
	atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
	return k;
}

void chunk_put(struct chunk *k)
{
	if (k && atomic_fetch_sub_explicit(&k->refs, 1, memory_order_acq_rel) == 1)
		free(k);
}

void chunk_cache_free(struct chunk_cache *c)
{
	if (!c)
		return;
	fetch_pool_free(c->pool);
	for (unsigned i = 0; i < SHARDS; i++) {
		struct shard *s = &c->shard[i];

		for (unsigned b = 0; b < BUCKETS; b++)
			while (s->bucket[b]) {
				struct chunk *k = s->bucket[b];

				s->bucket[b] = k->next;
				chunk_put(k);
			}
		for (unsigned b = 0; b < BELLS; b++)
			pthread_cond_destroy(&s->filled[b]);
		pthread_mutex_destroy(&s->lock);
	}
	free(c);
}

struct fetch_pool *chunk_cache_pool(struct chunk_cache *c)
{
	return c->pool;
}

uint8_t *chunk_buffer(struct chunk *k)
{
	return k->bytes;
}

const uint8_t *chunk_bytes(const struct chunk *k)
{
	return k->bytes;
}

/* A segment's id ends in random bytes. */
static uint64_t hash_of(const struct chunk_ref *ref)
{
	uint64_t h = le64(ref->segment + SEGMENT_ID_BYTES - 8) + ref->number * UINT64_C(0x9e3779b97f4a7c15);

	h = (h ^ (h >> 32)) * UINT64_C(0xd6e8feb86659fd93);
	return h ^ (h >> 32);
}

static struct shard *shard_of(struct chunk_cache *c, uint64_t hash)
{
	return &c->shard[hash % SHARDS];
}

static struct chunk **bucket_of(struct shard *s, uint64_t hash)
{
	return &s->bucket[hash / SHARDS % BUCKETS];
}

static bool is_at(const struct chunk *k, const struct chunk_ref *ref)
{
	return k->number == ref->number && !memcmp(k->segment, ref->segment, SEGMENT_ID_BYTES) &&
	       !memcmp(k->name, ref->name, CHUNK_NAME_BYTES);
}

static struct chunk *find(struct shard *s, uint64_t hash, const struct chunk_ref *ref)
{
	struct chunk *k = *bucket_of(s, hash);

	while (k && !(k->hash == hash && is_at(k, ref)))
		k = k->next;
	return k;
}

static void enqueue(struct queue *q, struct chunk *k)
{
	k->newer = NULL;
	k->older = q->newest;
	if (q->newest)
		q->newest->newer = k;
	else
		q->oldest = k;
	q->newest = k;
	q->bytes += k->size;
}

static void dequeue(struct queue *q, struct chunk *k)
{
	if (k->newer)
		k->newer->older = k->older;
	else
		q->newest = k->older;
	if (k->older)
		k->older->newer = k->newer;
	else
		q->oldest = k->newer;
	q->bytes -= k->size;
}

/* Out of the index; whoever holds the chunk keeps it. */
static void unindex(struct shard *s, struct chunk *k)
{
	struct chunk **p = bucket_of(s, k->hash);

	while (*p != k)
		p = &(*p)->next;
	*p = k->next;
	chunk_put(k);
}

static bool left_not_long_ago(struct shard *s, uint64_t hash)
{
	for (unsigned i = 0; i < GHOSTS; i++)
		if (s->ghost[i] == hash) {
			s->ghost[i] = 0;
			return true;
		}
	return false;
}

static void evict(struct shard *s)
{
	while (s->fresh.bytes + s->often.bytes > s->limit) {
		bool fresh = s->fresh.bytes > s->limit / 4 || !s->often.oldest;
		struct queue *q = fresh ? &s->fresh : &s->often;
		struct chunk *k = q->oldest;

		if (fresh)
			s->ghost[s->next_ghost++ % GHOSTS] = k->hash;
		dequeue(q, k);
		unindex(s, k);
		s->stats.evicted++;
	}
}

static struct chunk *chunk_new(struct shard *s, uint64_t hash, const struct chunk_ref *ref,
			       uint32_t size)
{
	struct chunk *k = malloc(sizeof(*k) + size);

	if (!k)
		return NULL;
	memset(k, 0, sizeof(*k));
	atomic_init(&k->refs, 2);
	k->shard = s;
	k->hash = hash;
	memcpy(k->segment, ref->segment, SEGMENT_ID_BYTES);
	memcpy(k->name, ref->name, CHUNK_NAME_BYTES);
	k->number = ref->number;
	k->size = size;
	k->next = *bucket_of(s, hash);
	*bucket_of(s, hash) = k;
	return k;
}

/* A use of a chunk that is in the index, under the lock. */
static void use(struct shard *s, struct chunk *k)
{
	atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
	if (k->state == FILLING) {
		s->stats.waits++;
		return;
	}
	s->stats.hits++;
	if (k->often) {
		dequeue(&s->often, k);
		enqueue(&s->often, k);
	}
}

int chunk_cache_claim(struct chunk_cache *c, const struct chunk_ref *ref, uint32_t size,
		      struct chunk **out)
{
	uint64_t hash = hash_of(ref);
	struct shard *s = shard_of(c, hash);
	struct chunk *k;
	int rc;

	pthread_mutex_lock(&s->lock);
	k = find(s, hash, ref);
	if (k && k->size != size) {
		k = NULL;		/* two maps disagree: never ours to serve */
		rc = -EBADMSG;
	} else if (k) {
		use(s, k);
		rc = k->state == FILLING ? CLAIM_BUSY : CLAIM_READY;
	} else {
		k = chunk_new(s, hash, ref, size);
		s->stats.misses += k != NULL;
		rc = k ? CLAIM_MINE : -ENOMEM;
	}
	pthread_mutex_unlock(&s->lock);
	*out = k;
	return rc;
}

struct chunk *chunk_cache_get(struct chunk_cache *c, const struct chunk_ref *ref)
{
	uint64_t hash = hash_of(ref);
	struct shard *s = shard_of(c, hash);
	struct chunk *k;

	pthread_mutex_lock(&s->lock);
	k = find(s, hash, ref);
	if (k && k->state == THERE)
		use(s, k);
	else
		k = NULL;
	pthread_mutex_unlock(&s->lock);
	return k;
}

bool chunk_cache_has(struct chunk_cache *c, const struct chunk_ref *ref)
{
	uint64_t hash = hash_of(ref);
	struct shard *s = shard_of(c, hash);
	bool has;

	pthread_mutex_lock(&s->lock);
	has = find(s, hash, ref) != NULL;
	pthread_mutex_unlock(&s->lock);
	return has;
}

static pthread_cond_t *bell_of(struct chunk *k)
{
	return &k->shard->filled[k->hash / SHARDS % BELLS];
}

void chunk_cache_publish(struct chunk_cache *c, struct chunk *k, int rc)
{
	struct shard *s = k->shard;

	(void)c;
	pthread_mutex_lock(&s->lock);
	k->rc = rc;
	k->state = rc < 0 ? FAILED : THERE;
	if (rc < 0) {
		unindex(s, k);
	} else {
		k->often = left_not_long_ago(s, k->hash);
		enqueue(k->often ? &s->often : &s->fresh, k);
		evict(s);
	}
	if (k->waiting)
		pthread_cond_broadcast(bell_of(k));
	pthread_mutex_unlock(&s->lock);
}

int chunk_cache_wait(struct chunk_cache *c, struct chunk *k)
{
	struct shard *s = k->shard;
	int rc;

	(void)c;
	pthread_mutex_lock(&s->lock);
	k->waiting++;
	while (k->state == FILLING)
		pthread_cond_wait(bell_of(k), &s->lock);
	k->waiting--;
	rc = k->rc;
	pthread_mutex_unlock(&s->lock);
	return rc;
}

void chunk_cache_stats(struct chunk_cache *c, struct chunk_cache_stats *out)
{
	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < SHARDS; i++) {
		struct shard *s = &c->shard[i];

		pthread_mutex_lock(&s->lock);
		out->hits += s->stats.hits;
		out->misses += s->stats.misses;
		out->waits += s->stats.waits;
		out->evicted += s->stats.evicted;
		out->bytes += s->fresh.bytes + s->often.bytes;
		for (const struct queue *q = &s->fresh; q; q = q == &s->fresh ? &s->often : NULL)
			for (const struct chunk *k = q->newest; k; k = k->older)
				out->chunks++;
		pthread_mutex_unlock(&s->lock);
	}
}
