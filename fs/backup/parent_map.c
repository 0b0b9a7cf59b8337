/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/backup/parent_map.h"
#include "crypto/secret.h"
#include "fs/util/log.h"
#include "fs/vault/page.h"

#include <errno.h>
#include <string.h>

struct step {				/* one level */
	bool known;			/* first and page are what stands there */
	uint64_t first;
	struct map_page *page;		/* NULL: nothing stored */
};

struct parent_map {
	struct store *st;
	const struct point_disk *disk;
	struct chunk_opener *opener;
	uint8_t key[PAGE_KEY_BYTES];
	struct step step[MAP_LEVELS_MAX];
	bool told;
};

struct parent_map *parent_map_new(struct store *st, const struct key_ring *ring,
				  const struct point_disk *disk, struct error *err)
{
	AUTO(parent_map_free) struct parent_map *m = calloc(1, sizeof(*m));

	if (!m)
		return error_null(err, ENOMEM, "out of memory");
	m->st = st;
	m->disk = disk;
	m->opener = chunk_opener_new(ring);
	if (!m->opener)
		return error_null(err, ENOMEM, "out of memory");
	if (disk->levels > MAP_LEVELS_MAX || page_key(ring, m->key) < 0)
		return error_null(err, EBADMSG, "disk %s of the point before has no usable map",
				  disk->name);
	return TAKE(m);
}

void parent_map_free(struct parent_map *m)
{
	if (!m)
		return;
	for (unsigned i = 0; i < MAP_LEVELS_MAX; i++)
		map_page_free(m->step[i].page);
	chunk_opener_free(m->opener);
	wipe(m->key, sizeof(m->key));
	free(m);
}

static struct map_page *fetch(struct parent_map *m, const struct chunk_ref *ref, unsigned level,
			      uint64_t first, struct error *err)
{
	AUTO(map_page_free) struct map_page *p = NULL;
	AUTO(free) uint8_t *sealed = malloc(ref->len);
	char name[160];
	size_t got = 0;

	if (!sealed)
		return error_null(err, ENOMEM, "out of memory");
	segment_name(ref->segment, name, sizeof(name));
	if (store_get(m->st, name, ref->off, sealed, ref->len, &got, err) < 0)
		return NULL;
	if (got != ref->len)
		return error_null(err, EBADMSG, "%s ends before a page of the map does", name);
	p = page_open(m->opener, m->key, ref, sealed, err);
	if (p && (map_page_level(p) != level || map_page_first(p) != first ||
		  map_page_chunk_size(p) != m->disk->chunk_size))
		return error_null(err, EBADMSG, "a page of the map belongs to another place");
	return TAKE(p);
}

/* The page at ref into its step. */
static int enter(struct parent_map *m, const struct chunk_ref *ref, unsigned level, uint64_t first)
{
	struct step *s = &m->step[level];
	struct error err = ERROR_INIT;

	map_page_free(TAKE(s->page));
	s->known = false;
	if (ref->kind != CHUNK_ZERO)
		s->page = fetch(m, ref, level, first, &err);
	if (err.code == ENOMEM)
		return -ENOMEM;
	if (err.code && !m->told) {
		log_warning("the map of disk %s in the point before cannot be read (%s); what it "
			    "named is stored again", m->disk->name, err.text);
		m->told = true;
	}
	s->known = true;
	s->first = first;
	return 0;
}

/* Steps from the top down to the page of that level above `first`. */
static int walk_to(struct parent_map *m, unsigned level, uint64_t first)
{
	struct chunk_ref ref = m->disk->top;

	for (unsigned l = m->disk->levels; l-- > level;) {
		uint64_t begin = first - first % map_span(l + 1);
		struct step *s = &m->step[l];
		struct map_entry e;
		int rc = 0;

		if (!s->known || s->first != begin)
			rc = enter(m, &ref, l, begin);
		if (rc < 0)
			return rc;
		if (!s->page || l == level)
			e.ref.kind = CHUNK_ZERO;
		else
			map_page_entry(s->page, (unsigned)((first - begin) / map_span(l)), &e);
		ref = e.ref;
	}
	return 0;
}

static bool is_inside(const struct parent_map *m, unsigned level, uint64_t first)
{
	return m->disk->has_top && level < m->disk->levels && first < map_span(m->disk->levels);
}

int parent_map_entry(struct parent_map *m, uint64_t chunk, struct map_entry *out)
{
	const struct step *s = &m->step[0];
	int rc;

	memset(out, 0, sizeof(*out));
	if (!is_inside(m, 0, chunk))
		return 0;
	rc = walk_to(m, 0, chunk);
	if (rc == 0 && s->page)
		map_page_entry(s->page, (unsigned)(chunk - s->first), out);
	return rc;
}

int parent_map_page(struct parent_map *m, unsigned level, uint64_t first, struct chunk_ref *out)
{
	const struct step *above;
	struct map_entry e;
	int rc;

	memset(out, 0, sizeof(*out));
	if (!is_inside(m, level, first))
		return 0;
	if (level + 1 == m->disk->levels) {
		*out = m->disk->top;
		return 0;
	}
	rc = walk_to(m, level + 1, first);
	above = &m->step[level + 1];
	if (rc < 0 || !above->page)
		return rc;
	map_page_entry(above->page, (unsigned)((first - above->first) / map_span(level + 1)), &e);
	*out = e.ref;
	return 0;
}
