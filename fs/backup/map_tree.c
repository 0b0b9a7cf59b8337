/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/backup/map_tree.h"
#include "crypto/secret.h"
#include "fs/vault/page.h"

#include <errno.h>
#include <string.h>

struct node {
	uint64_t first;			/* chunk */
	struct chunk_ref ref;
};

struct nodes {
	struct node *row;
	size_t n, room;
};

struct map_tree {
	struct run *run;
	struct parent_map *parent;
	uint32_t chunk_size;
	unsigned levels;
	uint8_t key[PAGE_KEY_BYTES];
	pthread_mutex_t lock;		/* guards all below */
	struct segment_writer *segment;	/* NULL: none begun */
	struct nodes leaves;
	uint64_t stored;
};

struct map_tree *map_tree_new(struct run *r, uint32_t chunk_size, unsigned levels, struct parent_map *parent,
			      struct error *err)
{
	struct map_tree *t = calloc(1, sizeof(*t));

	if (!t)
		return error_null(err, ENOMEM, "out of memory");
	t->run = r;
	t->parent = parent;
	t->chunk_size = chunk_size;
	t->levels = levels;
	pthread_mutex_init(&t->lock, NULL);
	if (page_key(vault_ring(r->vault), t->key) < 0) {
		map_tree_free(t);
		return error_null(err, EIO, "the key of map pages cannot be derived");
	}
	return t;
}

void map_tree_free(struct map_tree *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->lock);
	segment_writer_free(t->segment);
	free(t->leaves.row);
	wipe(t->key, sizeof(t->key));
	free(t);
}

static int push(struct nodes *l, uint64_t first, const struct chunk_ref *ref)
{
	if (l->n == l->room) {
		size_t room = l->room ? l->room * 2 : 256;
		struct node *more = realloc(l->row, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		l->row = more;
		l->room = room;
	}
	l->row[l->n++] = (struct node){ .first = first, .ref = *ref };
	return 0;
}

static int put_segment(struct map_tree *t, struct error *err)
{
	int rc = 0;

	if (t->segment && !segment_writer_is_empty(t->segment)) {
		rc = segment_writer_put(t->segment, vault_store(t->run->vault), err);
		atomic_fetch_add(&t->run->new_bytes, rc == 0 ? segment_writer_bytes(t->segment) : 0);
	}
	segment_writer_free(TAKE(t->segment));
	return rc;
}

/* Under the lock: the page into the map's segment. */
static int write_page(struct map_tree *t, const void *page, size_t len, struct chunk_ref *ref, struct error *err)
{
	int rc = 0;

	if (t->segment && !segment_writer_has_room(t->segment, MAP_PAGE_MAX))
		rc = put_segment(t, err);
	if (rc == 0 && !t->segment)
		t->segment = segment_writer_new(vault_ring(t->run->vault), SEGMENT_MAP, t->run->session,
						atomic_fetch_add(&t->run->number, 1), err);
	if (rc < 0 || !t->segment)
		return rc < 0 ? rc : -ENOMEM;
	rc = page_add(t->segment, t->key, page, len, ref);
	return rc < 0 ? error_set(err, -rc, "a page of the map cannot be sealed") : 0;
}

/* The parent's page at that place, if it has the same bytes. */
static int find_same(struct map_tree *t, struct parent_map *parent, unsigned level, uint64_t first,
		     const void *page, size_t len, struct chunk_ref *ref)
{
	uint8_t name[CHUNK_NAME_BYTES];
	int rc = page_name(t->key, page, len, name);

	ref->kind = CHUNK_ZERO;
	if (rc == 0 && parent)
		rc = parent_map_page(parent, level, first, ref);
	if (rc == 0 && (!run_may_use(t->run, ref) || memcmp(ref->name, name, CHUNK_NAME_BYTES)))
		ref->kind = CHUNK_ZERO;
	return rc;
}

static int add_page(struct map_tree *t, struct parent_map *parent, unsigned level, uint64_t first,
		    const struct map_entry *entries, unsigned n, struct nodes *to, struct error *err)
{
	AUTO(free) void *page = NULL;
	struct chunk_ref ref;
	size_t len;
	int rc = map_page_build(level, t->chunk_size, first, entries, n, &page, &len);

	if (rc == 0 && !page)
		return 0;
	if (rc == 0)
		rc = find_same(t, parent, level, first, page, len, &ref);
	if (rc < 0)
		return error_set(err, -rc, "a page of the map cannot be built");
	pthread_mutex_lock(&t->lock);
	if (ref.kind == CHUNK_ZERO)
		rc = write_page(t, page, len, &ref, err);
	if (rc == 0)
		rc = push(to, first, &ref);
	t->stored += ref.len;
	pthread_mutex_unlock(&t->lock);
	return rc == 0 ? run_refer(t->run, &ref, 1, ref.len) : rc;
}

/* Neighbours mostly lie in one segment: they are counted together. */
struct tally {
	struct chunk_ref ref;
	uint32_t chunks, bytes;
	uint64_t total;
};

static int count(struct run *r, struct tally *c, const struct chunk_ref *ref)
{
	int rc = 0;

	if (c->chunks && memcmp(c->ref.segment, ref->segment, SEGMENT_ID_BYTES)) {
		rc = run_refer(r, &c->ref, c->chunks, c->bytes);
		c->chunks = c->bytes = 0;
	}
	c->ref = *ref;
	c->chunks++;
	c->bytes += ref->len;
	c->total += ref->len;
	return rc;
}

static int count_entries(struct map_tree *t, const struct map_entry *entries, unsigned n)
{
	struct tally whole = { .chunks = 0 }, base = { .chunks = 0 };
	int rc = 0;

	for (unsigned i = 0; i < n && rc == 0; i++) {
		if (entries[i].ref.kind != CHUNK_ZERO)
			rc = count(t->run, &whole, &entries[i].ref);
		if (rc == 0 && entries[i].ref.kind == CHUNK_PATCH)
			rc = count(t->run, &base, &entries[i].base);
	}
	if (rc == 0 && whole.chunks)
		rc = run_refer(t->run, &whole.ref, whole.chunks, whole.bytes);
	if (rc == 0 && base.chunks)
		rc = run_refer(t->run, &base.ref, base.chunks, base.bytes);
	pthread_mutex_lock(&t->lock);
	t->stored += whole.total + base.total;
	pthread_mutex_unlock(&t->lock);
	return rc;
}

int map_tree_leaf(struct map_tree *t, struct parent_map *parent, uint64_t first,
		  const struct map_entry *entries, unsigned n, struct error *err)
{
	int rc = count_entries(t, entries, n);

	if (rc < 0)
		return error_set(err, -rc, "out of memory");
	return add_page(t, parent, 0, first, entries, n, &t->leaves, err);
}

static int by_first(const void *a, const void *b)
{
	uint64_t x = ((const struct node *)a)->first, y = ((const struct node *)b)->first;

	return (x > y) - (x < y);
}

/* The pages of a level over those of the level below. */
static int build_level(struct map_tree *t, unsigned level, const struct nodes *below, struct nodes *above,
		       struct error *err)
{
	AUTO(free) struct map_entry *entries = calloc(MAP_FANOUT, sizeof(*entries));
	uint64_t span = map_span(level + 1), each = map_span(level);
	int rc = entries ? 0 : -ENOMEM;

	for (size_t i = 0; i < below->n && rc == 0;) {
		uint64_t first = below->row[i].first - below->row[i].first % span;

		memset(entries, 0, MAP_FANOUT * sizeof(*entries));
		for (; i < below->n && below->row[i].first - first < span; i++)
			entries[(below->row[i].first - first) / each].ref = below->row[i].ref;
		rc = add_page(t, t->parent, level, first, entries, MAP_FANOUT, above, err);
	}
	return rc;
}

int map_tree_finish(struct map_tree *t, struct chunk_ref *top, bool *has_top, uint64_t *stored,
		    struct error *err)
{
	struct nodes now = t->leaves;
	int rc = 0;

	t->leaves = (struct nodes){ .n = 0 };
	if (now.n)
		qsort(now.row, now.n, sizeof(*now.row), by_first);
	for (unsigned level = 1; level < t->levels && now.n && rc == 0; level++) {
		struct nodes above = { .n = 0 };

		rc = build_level(t, level, &now, &above, err);
		free(now.row);
		now = above;
	}
	if (rc == 0)
		rc = put_segment(t, err);
	*has_top = now.n > 0;
	if (now.n)
		*top = now.row[0].ref;
	free(now.row);
	*stored += t->stored;
	return rc < 0 && err && !err->code ? error_set(err, -rc, "the map cannot be written") : rc;
}
