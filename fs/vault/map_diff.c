/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/map_diff.h"
#include "crypto/bytes.h"
#include "fs/vault/page.h"

#include <errno.h>
#include <string.h>

struct walk {
	struct store *store;
	const struct key_ring *ring;
	uint8_t key[PAGE_KEY_BYTES];
	uint32_t chunk_size;
	uint64_t first, n;		/* the range that is growing */
	map_diff_fn *fn;
	void *arg;
	struct error *err;
};

/* A subtree of one of the two maps. */
struct side {
	unsigned level;			/* of its page */
	struct chunk_ref ref;		/* kind CHUNK_ZERO: all zeros */
};

static void walk_clear(struct walk *w)
{
	wipe(w->key, sizeof(w->key));
}

static int emit(struct walk *w, uint64_t chunk)
{
	int rc = 0;

	if (w->n && w->first + w->n == chunk) {
		w->n++;
		return 0;
	}
	if (w->n)
		rc = w->fn(w->arg, w->first, w->n);
	w->first = chunk;
	w->n = 1;
	return rc;
}

static int fetch(struct walk *w, const struct chunk_ref *ref, uint8_t **sealed)
{
	char name[160];
	size_t got = 0;
	int rc;

	*sealed = malloc(ref->len);
	if (!*sealed)
		return error_set(w->err, ENOMEM, "out of memory");
	segment_name(ref->segment, name, sizeof(name));
	rc = store_get(w->store, name, ref->off, *sealed, ref->len, &got, w->err);
	if (rc == -ENOENT || (rc == 0 && got != ref->len))
		rc = error_set(w->err, EBADMSG, "a map page is %s", rc ? "missing" : "cut");
	if (rc < 0)
		error_object(w->err, "%s", name);
	return rc;
}

/* The page, checked against its place. */
static int read_page(struct walk *w, const struct side *s, uint64_t first, struct map_page **out)
{
	AUTO(chunk_opener_free) struct chunk_opener *o = chunk_opener_new(w->ring);
	AUTO(map_page_free) struct map_page *page = NULL;
	AUTO(free) uint8_t *sealed = NULL;
	int rc = o ? fetch(w, &s->ref, &sealed) : error_set(w->err, ENOMEM, "out of memory");

	if (rc < 0)
		return rc;
	page = page_open(o, w->key, &s->ref, sealed, w->err);
	if (!page)
		return w->err->code ? -w->err->code : -EBADMSG;
	if (map_page_level(page) != s->level || map_page_first(page) != first ||
	    map_page_chunk_size(page) != w->chunk_size)
		return error_set(w->err, EBADMSG, "damaged map: a page is at a place that is not its own");
	*out = TAKE(page);
	return 0;
}

/* Entry i of a page of `level`: the lower of two trees of unequal height is
 * entry 0 of a page that it does not have. */
static void entry_of(const struct side *s, const struct map_page *page, unsigned level, unsigned i,
		     struct map_entry *out)
{
	memset(out, 0, sizeof(*out));
	if (page)
		map_page_entry(page, i, out);
	else if (s->level < level && i == 0)
		out->ref = s->ref;
}

static struct side child_of(const struct side *s, unsigned level, const struct map_entry *e)
{
	return (struct side){ s->level == level ? level - 1 : s->level, e->ref };
}

static bool same(const struct chunk_ref *a, const struct chunk_ref *b)
{
	if (a->kind == CHUNK_ZERO || b->kind == CHUNK_ZERO)
		return a->kind == b->kind;
	return !memcmp(a->name, b->name, CHUNK_NAME_BYTES);
}

static int compare(struct walk *w, const struct side *a, const struct side *b, uint64_t first)
{
	unsigned level = a->level > b->level ? a->level : b->level;
	AUTO(map_page_free) struct map_page *pa = NULL, *pb = NULL;
	struct map_entry ea, eb;
	int rc = 0;

	if (a->level == level && a->ref.kind != CHUNK_ZERO)
		rc = read_page(w, a, first, &pa);
	if (rc == 0 && b->level == level && b->ref.kind != CHUNK_ZERO)
		rc = read_page(w, b, first, &pb);
	for (unsigned i = 0; i < MAP_FANOUT && rc == 0; i++) {
		uint64_t at = first + i * map_span(level);

		entry_of(a, pa, level, i, &ea);
		entry_of(b, pb, level, i, &eb);
		if (same(&ea.ref, &eb.ref))	/* pages of unlike height never are */
			continue;
		if (level) {
			struct side ca = child_of(a, level, &ea), cb = child_of(b, level, &eb);

			rc = compare(w, &ca, &cb, at);
		} else {
			rc = emit(w, at);
		}
	}
	return rc;
}

static struct side top_of(const struct point_disk *d)
{
	struct side s = { .level = d->levels - 1 };

	if (d->has_top)
		s.ref = d->top;
	return s;
}

int map_diff(struct vault *v, const struct point_disk *a, const struct point_disk *b, map_diff_fn *fn,
	     void *arg, struct error *err)
{
	struct error mine = ERROR_INIT;
	__attribute__((cleanup(walk_clear))) struct walk w = {
		.store = vault_store(v), .ring = vault_ring(v), .chunk_size = a->chunk_size, .fn = fn, .arg = arg,
		.err = err ? err : &mine,
	};
	struct side sa = top_of(a), sb = top_of(b);
	int rc;

	if (a->chunk_size != b->chunk_size)
		return error_set(err, EINVAL, "the two points keep the disk in chunks of different sizes");
	rc = w.ring ? page_key(w.ring, w.key) : -ENOKEY;
	if (rc < 0)
		return error_set(err, -rc, "the key of map pages cannot be derived");
	if (!(sa.level == sb.level && same(&sa.ref, &sb.ref)))
		rc = compare(&w, &sa, &sb, 0);
	return rc == 0 && w.n ? fn(arg, w.first, w.n) : rc;
}
