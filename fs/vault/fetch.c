/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/fetch_private.h"
#include "crypto/bytes.h"
#include "fs/util/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#define LOGGED_MAX 100u			/* faults of one disk; the rest is not told */

struct fetcher *fetcher_new(struct store *st, const struct key_ring *ring, struct chunk_cache *cache,
			    uint32_t chunk_size, struct error *err)
{
	struct fetcher *f = calloc(1, sizeof(*f));

	if (!f)
		return error_null(err, ENOMEM, "out of memory");
	f->keys = segment_keys_new();
	if (!f->keys) {
		free(f);
		return error_null(err, ENOMEM, "out of memory");
	}
	f->st = st;
	f->ring = ring;
	f->cache = cache;
	f->pool = chunk_cache_pool(cache);
	f->chunk_size = chunk_size;
	pthread_mutex_init(&f->lock, NULL);
	return f;
}

void fetcher_free(struct fetcher *f)
{
	if (!f)
		return;
	fetch_pool_cancel(f->pool, f);
	for (unsigned i = 0; i < f->n_openers; i++)
		chunk_opener_free(f->opener[i]);
	segment_keys_free(f->keys);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

void fetcher_quiet(struct fetcher *f)
{
	atomic_store(&f->logged, LOGGED_MAX);
}

struct chunk_opener *fetch_take_opener(struct fetcher *f, const uint8_t *segment)
{
	struct chunk_opener *o = NULL;
	unsigned i;

	pthread_mutex_lock(&f->lock);
	for (i = 0; i + 1 < f->n_openers && memcmp(f->of[i], segment, SEGMENT_ID_BYTES); i++)
		;
	if (f->n_openers) {
		o = f->opener[i];
		f->n_openers--;
		f->opener[i] = f->opener[f->n_openers];
		memcpy(f->of[i], f->of[f->n_openers], SEGMENT_ID_BYTES);
	}
	pthread_mutex_unlock(&f->lock);
	if (!o && (o = chunk_opener_new(f->ring)))
		chunk_opener_share(o, f->keys);
	return o;
}

void fetch_give_opener(struct fetcher *f, struct chunk_opener *o, const uint8_t *segment)
{
	pthread_mutex_lock(&f->lock);
	if (o && f->n_openers < OPENERS) {
		memcpy(f->of[f->n_openers], segment, SEGMENT_ID_BYTES);
		f->opener[f->n_openers++] = TAKE(o);
	}
	pthread_mutex_unlock(&f->lock);
	chunk_opener_free(o);
}

void fetch_log_fault(struct fetcher *f, const struct chunk_ref *ref, const char *text)
{
	char name[160];

	if (atomic_load(&f->logged) >= LOGGED_MAX)
		return;
	atomic_fetch_add(&f->logged, 1);
	segment_name(ref->segment, name, sizeof(name));
	log_error("%s: chunk at %u: %s", name, ref->off, text);
}

void fetch_note_missing(struct fetcher *f, const uint8_t *segment)
{
	pthread_mutex_lock(&f->lock);
	memcpy(f->missing, segment, SEGMENT_ID_BYTES);
	pthread_mutex_unlock(&f->lock);
}

void fetcher_missing(struct fetcher *f, char *name, size_t size)
{
	name[0] = '\0';
	pthread_mutex_lock(&f->lock);
	if (!is_zero(f->missing, SEGMENT_ID_BYTES))
		segment_name(f->missing, name, size);
	pthread_mutex_unlock(&f->lock);
}

static void claim_run(struct fetcher *f, const struct run *r, struct load *l)
{
	for (size_t i = 0; i < r->n; i++) {
		struct chunk *k;
		int rc = chunk_cache_claim(f->cache, r->want[i].ref, f->chunk_size, &k);

		if (rc == CLAIM_MINE)
			load_add(l, &r->want[i], k);
		else if (rc >= 0)
			chunk_put(k);
	}
}

static int load_run(struct fetcher *f, const struct run *r, enum fetch_urgency u)
{
	const struct chunk_ref *last = r->want[r->n - 1].ref;
	size_t bytes = last->off + last->len - r->want[0].ref->off;
	struct load l = { .f = f };
	int rc = 0;

	/* The budget first: nobody may wait for a claim that waits for the budget. */
	fetch_pool_begin(f->pool, bytes, u);
	claim_run(f, r, &l);
	if (l.n)
		rc = load_get(&l);
	fetch_pool_answered(f->pool);
	if (l.n)
		rc = load_fill(&l, rc);
	fetch_pool_end(f->pool, bytes);
	return rc;
}

int fetch_hold_one(struct fetcher *f, const struct want *w, struct chunk **out)
{
	struct load l = { .f = f };
	int rc = chunk_cache_claim(f->cache, w->ref, f->chunk_size, out);

	if (rc == CLAIM_MINE) {
		load_add(&l, w, chunk_hold(*out));
		fetch_pool_join(f->pool, w->ref->len);
		rc = load_get(&l);
		fetch_pool_answered(f->pool);
		rc = load_fill(&l, rc);
		fetch_pool_end(f->pool, w->ref->len);
	} else if (rc == CLAIM_BUSY) {
		rc = chunk_cache_wait(f->cache, *out);
	}
	if (rc < 0)
		chunk_put(TAKE(*out));
	return rc < 0 ? rc : 0;
}

static bool is_cached(void *arg, const struct chunk_ref *ref)
{
	return chunk_cache_has(((struct fetcher *)arg)->cache, ref);
}

static int load_missing(struct fetcher *f, const struct run *r, enum fetch_urgency u)
{
	for (size_t i = 0; i < r->n; i++)
		if (!chunk_cache_has(f->cache, r->want[i].ref))
			return load_run(f, r, u);
	return 0;
}

/* A run on its own, for a thread of the pool. */
struct run_job {
	struct fetch_job job;
	struct fetcher *f;
	enum fetch_urgency urgency;
	struct run run;
	struct want want[RUN_CHUNKS_MAX];
	struct chunk_ref ref[];		/* of each, then its base */
};

static void run_job_run(struct fetch_job *j)
{
	struct run_job *r = (struct run_job *)j;

	load_missing(r->f, &r->run, r->urgency);
	free(r);
}

static void run_job_drop(struct fetch_job *j)
{
	free(j);
}

static void submit_run(struct fetcher *f, const struct run *run, enum fetch_urgency u)
{
	struct run_job *r = malloc(sizeof(*r) + 2 * run->n * sizeof(r->ref[0]));

	if (!r)
		return;
	r->job = (struct fetch_job){ NULL, f, run_job_run, run_job_drop };
	r->f = f;
	r->urgency = u;
	r->run = (struct run){ r->want, run->n };
	for (size_t i = 0; i < run->n; i++) {
		r->ref[2 * i] = *run->want[i].ref;
		if (run->want[i].base)
			r->ref[2 * i + 1] = *run->want[i].base;
		r->want[i] = (struct want){ &r->ref[2 * i], run->want[i].base ? &r->ref[2 * i + 1] : NULL, 0 };
	}
	if (!fetch_pool_submit(f->pool, &r->job, u))
		free(r);
}

/* Whether a submitted run is done or not: the caller goes through all himself too. */
static int load_entries(struct fetcher *f, const struct map_entry *e, size_t n)
{
	__attribute__((cleanup(fetch_plan_release))) struct fetch_plan p = { 0 };
	int rc = fetch_plan_make(&p, e, n, is_cached, f);

	for (size_t i = 1; rc == 0 && i < p.n_runs; i++)
		submit_run(f, &p.run[i], FETCH_DEMAND);
	for (size_t i = 0; rc == 0 && i < p.n_runs; i++)
		rc = load_missing(f, &p.run[i], FETCH_DEMAND);
	return rc;
}

void fetch_ahead(struct fetcher *f, const struct map_entry *e, size_t n)
{
	__attribute__((cleanup(fetch_plan_release))) struct fetch_plan p = { 0 };

	if (fetch_plan_make(&p, e, n, is_cached, f) == 0)
		for (size_t i = 0; i < p.n_runs; i++)
			submit_run(f, &p.run[i], FETCH_AHEAD);
}

/* Those that are there already; how many are missing. */
static size_t hold_cached(struct fetcher *f, const struct map_entry *e, size_t n, struct chunk **out)
{
	size_t missing = 0;

	for (size_t i = 0; i < n; i++) {
		out[i] = e[i].ref.kind == CHUNK_ZERO ? NULL : chunk_cache_get(f->cache, &e[i].ref);
		missing += e[i].ref.kind != CHUNK_ZERO && !out[i];
	}
	return missing;
}

int fetch_chunks(struct fetcher *f, const struct map_entry *e, size_t n, struct chunk **out)
{
	size_t missing = hold_cached(f, e, n, out);
	int rc = missing ? load_entries(f, e, n) : 0;

	for (size_t i = 0; i < n && missing && rc == 0; i++) {
		struct want w = { &e[i].ref, e[i].ref.kind == CHUNK_PATCH ? &e[i].base : NULL, i };

		if (e[i].ref.kind != CHUNK_ZERO && !out[i])
			rc = fetch_hold_one(f, &w, &out[i]);
	}
	for (size_t i = 0; i < n && rc < 0; i++)
		chunk_put(TAKE(out[i]));
	return rc;
}
