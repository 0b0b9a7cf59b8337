/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/map_reader.h"
#include "crypto/bytes.h"
#include "crypto/secret.h"
#include "fs/vault/page.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#define SLOTS 128u

/* EMPTY -> LOADING -> READY | FAILED; FAILED -> EMPTY when its last waiter has
 * seen it; READY -> EMPTY when the slot is needed and nobody has it pinned. */
enum slot_state { EMPTY, LOADING, READY, FAILED };

struct slot {
	enum slot_state state;
	unsigned level, pins;
	uint64_t first;			/* chunk */
	uint64_t used;
	int rc;				/* FAILED */
	struct map_page *page;		/* READY */
};

struct map_reader {
	struct store *st;
	const struct key_ring *ring;
	uint8_t key[PAGE_KEY_BYTES];
	uint32_t chunk_size;
	uint64_t chunks;
	unsigned levels;
	bool has_top;
	struct chunk_ref top;
	uint8_t *top_page;		/* as the manifest has it, sealed; NULL: fetch it */
	pthread_mutex_t lock;		/* guards all below */
	pthread_cond_t change;		/* a slot is READY or FAILED, or is no longer pinned */
	uint64_t clock;
	struct slot slot[SLOTS];
};

static bool disk_makes_sense(const struct point_disk *d, uint64_t *chunks)
{
	if (!is_power_of_two(d->chunk_size) || d->chunk_size < CHUNK_MIN || d->chunk_size > CHUNK_MAX)
		return false;
	*chunks = d->size / d->chunk_size + (d->size % d->chunk_size != 0);
	return d->size <= INT64_MAX && *chunks <= map_span(MAP_LEVELS_MAX) &&
	       (!d->has_top || d->levels == map_levels(*chunks));
}

struct map_reader *map_reader_new(struct store *st, const struct key_ring *ring,
				  const struct point_disk *d, struct error *err)
{
	struct map_reader *m;
	uint64_t chunks;
	int rc;

	if (!disk_makes_sense(d, &chunks))
		return error_null(err, EBADMSG, "damaged point: size, chunk size and map of disk %s do "
				  "not go together", d->name);
	m = calloc(1, sizeof(*m));
	if (!m)
		return error_null(err, ENOMEM, "out of memory");
	rc = page_key(ring, m->key);
	if (rc < 0) {
		free(m);
		return error_null(err, -rc, "the key of map pages cannot be derived");
	}
	m->st = st;
	m->ring = ring;
	m->chunk_size = d->chunk_size;
	m->chunks = chunks;
	m->levels = d->levels;
	m->has_top = d->has_top;
	m->top = d->top;
	m->top_page = d->top_page ? malloc(d->top.len) : NULL;
	if (m->top_page)
		memcpy(m->top_page, d->top_page, d->top.len);
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->change, NULL);
	return m;
}

void map_reader_free(struct map_reader *m)
{
	if (!m)
		return;
	for (unsigned i = 0; i < SLOTS; i++)
		map_page_free(m->slot[i].page);
	pthread_cond_destroy(&m->change);
	pthread_mutex_destroy(&m->lock);
	wipe(m->key, sizeof(m->key));
	free(m->top_page);
	free(m);
}

uint64_t map_reader_chunks(const struct map_reader *m)
{
	return m->chunks;
}

static int get_sealed(struct store *st, const struct chunk_ref *ref, uint8_t *sealed, struct error *err)
{
	char name[160];
	size_t got = 0;
	int rc;

	segment_name(ref->segment, name, sizeof(name));
	rc = store_get(st, name, ref->off, sealed, ref->len, &got, err);
	if (rc == -ENOENT)
		return error_set(err, ENOENT, "a segment with a page of the map is missing");
	return rc == 0 && got != ref->len ? error_set(err, EBADMSG, "a segment ends before a page of the map does") : rc;
}

int map_keep_top(struct store *st, struct point_disk *d, struct error *err)
{
	AUTO(free) uint8_t *sealed = d->has_top ? malloc(d->top.len) : NULL;
	int rc;

	if (!d->has_top)
		return 0;
	rc = sealed ? get_sealed(st, &d->top, sealed, err) : error_set(err, ENOMEM, "out of memory");
	if (rc == -ENOENT)
		rc = error_set(err, EBADMSG, "a segment with a page of the map has gone again");
	if (rc < 0)
		return rc;
	free(d->top_page);
	d->top_page = TAKE(sealed);
	return 0;
}

static struct map_page *fetch_page(struct map_reader *m, const struct chunk_ref *ref, unsigned level,
				   struct error *err)
{
	AUTO(chunk_opener_free) struct chunk_opener *o = chunk_opener_new(m->ring);
	AUTO(free) uint8_t *sealed = malloc(ref->len);

	if (!o || !sealed)
		return error_null(err, ENOMEM, "out of memory");
	if (m->top_page && level + 1 == m->levels && ref->len == m->top.len)
		memcpy(sealed, m->top_page, ref->len);
	else if (get_sealed(m->st, ref, sealed, err) < 0)
		return NULL;
	return page_open(o, m->key, ref, sealed, err);
}

/* Fetch, and see that it is the page of this place. */
static int load_page(struct map_reader *m, const struct chunk_ref *ref, unsigned level,
		     uint64_t first, struct map_page **out, struct error *err)
{
	struct error own = ERROR_INIT, *e = err ? err : &own;
	AUTO(map_page_free) struct map_page *p = fetch_page(m, ref, level, e);
	char name[160];

	if (p && (map_page_level(p) != level || map_page_first(p) != first ||
		  map_page_chunk_size(p) != m->chunk_size)) {
		map_page_free(TAKE(p));
		error_set(e, EBADMSG, "a page of the map belongs to another place");
	}
	if (!p) {
		segment_name(ref->segment, name, sizeof(name));
		error_object(e, "%s", name);
		return e->code ? -e->code : -EIO;
	}
	*out = TAKE(p);
	return 0;
}

static struct slot *find_slot(struct map_reader *m, unsigned level, uint64_t first)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		struct slot *s = &m->slot[i];

		if (s->state != EMPTY && s->first == first && s->level == level)
			return s;
	}
	return NULL;
}

/* An EMPTY slot, or the one that was used longest ago; NULL: all are pinned. */
static struct slot *free_slot(struct map_reader *m)
{
	struct slot *oldest = NULL;

	for (unsigned i = 0; i < SLOTS; i++) {
		struct slot *s = &m->slot[i];

		if (s->state == EMPTY)
			return s;
		if (s->state == READY && !s->pins && (!oldest || s->used < oldest->used))
			oldest = s;
	}
	if (oldest) {
		map_page_free(TAKE(oldest->page));
		oldest->state = EMPTY;
	}
	return oldest;
}

static void unpin(struct map_reader *m, struct slot *s)
{
	pthread_mutex_lock(&m->lock);
	if (--s->pins == 0 && s->state == FAILED)
		s->state = EMPTY;
	pthread_cond_broadcast(&m->change);
	pthread_mutex_unlock(&m->lock);
}

/* Under the lock: a pinned slot, LOADING for the caller when *mine, else as
 * another thread left it. */
static struct slot *pin(struct map_reader *m, unsigned level, uint64_t first, bool want_new, bool *mine)
{
	struct slot *s;

	*mine = false;
	while (!(s = find_slot(m, level, first))) {
		if (!want_new)
			return NULL;
		s = free_slot(m);
		if (s) {
			*s = (struct slot){ .state = LOADING, .level = level, .first = first };
			*mine = true;
			break;
		}
		pthread_cond_wait(&m->change, &m->lock);
	}
	s->pins++;
	s->used = ++m->clock;
	while (!*mine && s->state == LOADING)
		pthread_cond_wait(&m->change, &m->lock);
	return s;
}

/* The page at ref, pinned in *out. */
static int pin_page(struct map_reader *m, const struct chunk_ref *ref, unsigned level, uint64_t first,
		    struct slot **out, struct error *err)
{
	struct map_page *page = NULL;
	struct slot *s;
	bool mine;
	int rc;

	pthread_mutex_lock(&m->lock);
	s = pin(m, level, first, true, &mine);
	rc = s->state == FAILED ? s->rc : 0;
	pthread_mutex_unlock(&m->lock);
	if (mine) {
		rc = load_page(m, ref, level, first, &page, err);
		pthread_mutex_lock(&m->lock);
		s->page = page;
		s->rc = rc;
		s->state = rc < 0 ? FAILED : READY;
		pthread_cond_broadcast(&m->change);
		pthread_mutex_unlock(&m->lock);
	} else if (rc < 0) {
		error_set(err, -rc, "a page of the map cannot be read");
	}
	if (rc < 0)
		unpin(m, s);
	else
		*out = s;
	return rc;
}

/* A page that is there already, pinned; else NULL. */
static struct slot *cached_page(struct map_reader *m, unsigned level, uint64_t first)
{
	struct slot *s;
	bool mine;

	pthread_mutex_lock(&m->lock);
	s = pin(m, level, first, false, &mine);
	pthread_mutex_unlock(&m->lock);
	if (s && s->state == FAILED) {
		unpin(m, s);
		s = NULL;
	}
	return s;
}

/* Down to the leaf above `chunk`.  1: *leaf is pinned; 0: all zero from
 * *first on for *span chunks; else -errno. */
static int find_leaf(struct map_reader *m, uint64_t chunk, struct slot **leaf, uint64_t *first,
		     uint64_t *span, struct error *err)
{
	struct map_entry e = { .ref = m->top };
	unsigned level = m->levels;
	int rc;

	*first = 0;
	*span = UINT64_MAX;
	if (!m->has_top || chunk >= m->chunks)
		return 0;
	*span = MAP_FANOUT;
	*first = chunk - chunk % *span;
	*leaf = cached_page(m, 0, *first);
	while (!*leaf) {
		struct slot *s;

		*span = map_span(level--);
		*first = chunk - chunk % *span;
		if (e.ref.kind == CHUNK_ZERO)
			return 0;
		rc = pin_page(m, &e.ref, level, *first, &s, err);
		if (rc < 0)
			return rc;
		if (level == 0) {
			*leaf = s;
		} else {
			map_page_entry(s->page, (unsigned)((chunk - *first) / map_span(level)), &e);
			unpin(m, s);
		}
	}
	return 1;
}

int map_reader_entries(struct map_reader *m, uint64_t chunk, size_t n, struct map_entry *out,
		       struct error *err)
{
	while (n) {
		uint64_t first, span, in_span;
		struct slot *leaf = NULL;
		int rc = find_leaf(m, chunk, &leaf, &first, &span, err);
		size_t k;

		if (rc < 0)
			return rc;
		in_span = span - (chunk - first);
		k = in_span < n ? (size_t)in_span : n;
		if (rc == 0)
			memset(out, 0, k * sizeof(*out));
		for (size_t i = 0; rc == 1 && i < k; i++)
			map_page_entry(leaf->page, (unsigned)(chunk - first + i), &out[i]);
		if (leaf)
			unpin(m, leaf);
		chunk += k;
		out += k;
		n -= k;
	}
	return 0;
}

bool map_reader_entry_now(struct map_reader *m, uint64_t chunk, struct map_entry *out)
{
	uint64_t first = chunk - chunk % MAP_FANOUT;
	struct slot *leaf = m->has_top && chunk < m->chunks ? cached_page(m, 0, first) : NULL;

	if (!leaf)
		return false;
	map_page_entry(leaf->page, (unsigned)(chunk - first), out);
	unpin(m, leaf);
	return true;
}

int map_reader_run(struct map_reader *m, uint64_t chunk, uint64_t max, uint64_t *n, bool *zero,
		   struct error *err)
{
	uint64_t first, span, limit;
	struct slot *leaf = NULL;
	struct map_entry e;
	int rc = find_leaf(m, chunk, &leaf, &first, &span, err);

	if (rc < 0)
		return rc;
	limit = span - (chunk - first) < max ? span - (chunk - first) : max;
	*zero = rc == 0;
	*n = limit;
	if (!leaf)
		return 0;
	map_page_entry(leaf->page, (unsigned)(chunk - first), &e);
	*zero = e.ref.kind == CHUNK_ZERO;
	for (*n = 1; *n < limit; ++*n) {
		map_page_entry(leaf->page, (unsigned)(chunk - first + *n), &e);
		if ((e.ref.kind == CHUNK_ZERO) != *zero)
			break;
	}
	unpin(m, leaf);
	return 0;
}

static int walk_page(struct map_reader *m, const struct chunk_ref *ref, unsigned level,
		     uint64_t first, map_page_fn *fn, void *arg)
{
	AUTO(map_page_free) struct map_page *p = NULL;
	int rc = fn(arg, ref, level, first, NULL, 1);

	if (rc <= 0)
		return rc;
	rc = load_page(m, ref, level, first, &p, NULL);
	rc = fn(arg, ref, level, first, p, rc == -ENOENT ? -EBADMSG : rc);
	for (unsigned i = 0; p && level && rc >= 0 && i < map_page_entries(p); i++) {
		struct map_entry e;

		map_page_entry(p, i, &e);
		if (e.ref.kind != CHUNK_ZERO)
			rc = walk_page(m, &e.ref, level - 1, first + i * map_span(level), fn, arg);
	}
	return rc < 0 ? rc : 0;
}

int map_reader_walk(struct map_reader *m, map_page_fn *fn, void *arg)
{
	return m->has_top ? walk_page(m, &m->top, m->levels - 1, 0, fn, arg) : 0;
}
