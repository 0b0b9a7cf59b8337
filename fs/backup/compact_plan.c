/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/bytes.h"
#include "crypto/hash.h"
#include "fs/backup/compact_private.h"
#include "fs/util/log.h"
#include "fs/vault/map_reader.h"

#include <errno.h>
#include <string.h>

#define EMPTY_BYTES 144u		/* of a segment without chunks: header, sealed table, trailer */
#define ROW_BYTES 48u			/* of the table, for each chunk */

void half_empties_clear(struct half_empties *h)
{
	for (size_t i = 0; i < h->n; i++)
		free(h->row[i].rows);
	free(h->row);
	*h = (struct half_empties){ .n = 0 };
}

static int by_id(const void *a, const void *b)
{
	return memcmp(((const struct half_empty *)a)->id, ((const struct half_empty *)b)->id, SEGMENT_ID_BYTES);
}

struct half_empty *half_empties_find(const struct half_empties *h, const uint8_t id[SEGMENT_ID_BYTES])
{
	struct half_empty key;

	memcpy(key.id, id, SEGMENT_ID_BYTES);
	return h->n ? bsearch(&key, h->row, h->n, sizeof(key), by_id) : NULL;
}

static bool same_point(const struct inventory_point *a, const struct inventory_point *b)
{
	return !strcmp(a->vm_id, b->vm_id) && a->time == b->time && !strcmp(a->id, b->id);
}

static bool is_older(const struct inventory_point *p, const struct inventory_point *o)
{
	return !o->marked && o->state == POINT_SOUND &&
	       (o->rewritten > p->rewritten || (o->rewritten == p->rewritten && strcmp(o->session, p->session) > 0));
}

/* Manifests of one point lie next to each other. */
bool compact_is_current(const struct inventory *inv, size_t i)
{
	const struct inventory_point *p = &inv->point[i];

	if (p->marked || p->state != POINT_SOUND)
		return false;
	for (size_t k = i; k-- && same_point(p, &inv->point[k]);)
		if (is_older(p, &inv->point[k]))
			return false;
	for (size_t k = i + 1; k < inv->n_points && same_point(p, &inv->point[k]); k++)
		if (is_older(p, &inv->point[k]))
			return false;
	return true;
}

/* Every segment, for the counts of the refs to find. */
static int take_all(struct inventory *inv, struct half_empties *all)
{
	all->row = calloc(inv->n_segments + 1, sizeof(*all->row));
	if (!all->row)
		return -ENOMEM;
	for (size_t i = 0; i < inv->segments_room; i++) {
		const struct inventory_segment *s = &inv->segment[i];

		if (!s->time || !s->names)
			continue;
		memcpy(all->row[all->n].id, s->id, SEGMENT_ID_BYTES);
		all->row[all->n++].size = s->size > EMPTY_BYTES ? s->size - EMPTY_BYTES : 0;
	}
	if (all->n)
		qsort(all->row, all->n, sizeof(*all->row), by_id);
	return 0;
}

/* A point that went meanwhile, or is damaged, keeps nothing alive here: the
 * segments that it alone needs are no candidates for want of a count. */
static int count_refs(struct inventory *inv, const struct inventory_point *p, struct half_empties *all, struct error *err)
{
	AUTO(free) struct refs_row *rows = NULL;
	uint8_t session[SESSION_ID_BYTES];
	size_t n = 0;
	int rc = hex_decode(p->session, session, sizeof(session)) < 0 ? -EBADMSG : 0;

	if (rc == 0)
		rc = refs_get(vault_store(inv->vault), session, NULL, &rows, &n, err);
	if (rc == -ENOENT || rc == -EBADMSG) {
		error_clear(err);
		return 0;
	}
	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct half_empty *h = half_empties_find(all, rows[i].segment);

		uint64_t bytes = rows[i].bytes + (uint64_t)rows[i].chunks * ROW_BYTES;

		if (h && bytes > h->most)
			h->most = bytes;
	}
	return rc;
}

static void keep_if(struct half_empties *h, bool by_maps)
{
	size_t kept = 0;

	for (size_t i = 0; i < h->n; i++) {
		struct half_empty *e = &h->row[i];

		if (by_maps ? is_half_empty(e->live, e->size) : e->most && is_half_empty(e->most, e->size))
			h->row[kept++] = *e;
		else
			free(e->rows);
	}
	h->n = kept;
}

/* Pages whose chunks were counted, by name; what does not fit is counted again. */
#define SEEN_ROOM (1u << 18)

struct counting {
	struct half_empties *h;
	uint8_t (*seen)[CHUNK_NAME_BYTES];
	size_t n_seen;
};

static bool was_seen(struct counting *c, const uint8_t *name)
{
	static const uint8_t none[CHUNK_NAME_BYTES];
	size_t i = le64(name) & (SEEN_ROOM - 1);

	while (memcmp(c->seen[i], none, CHUNK_NAME_BYTES)) {
		if (!memcmp(c->seen[i], name, CHUNK_NAME_BYTES))
			return true;
		i = (i + 1) & (SEEN_ROOM - 1);
	}
	if (c->n_seen < SEEN_ROOM / 2) {
		memcpy(c->seen[i], name, CHUNK_NAME_BYTES);
		c->n_seen++;
	}
	return false;
}

static int count_chunk(struct counting *c, const struct chunk_ref *ref)
{
	struct half_empty *h = ref->kind == CHUNK_ZERO ? NULL : half_empties_find(c->h, ref->segment);

	if (!h || ref->number >= SEGMENT_CHUNKS_MAX)
		return 0;
	if (!h->rows)
		h->rows = calloc(SEGMENT_CHUNKS_MAX / 8, 1);
	if (!h->rows)
		return -ENOMEM;
	if (!(h->rows[ref->number / 8] & 1u << ref->number % 8))
		h->live += ref->len + ROW_BYTES;
	h->rows[ref->number / 8] |= (uint8_t)(1u << ref->number % 8);
	return 0;
}

static int count_page(void *arg, const struct chunk_ref *ref, unsigned level, uint64_t first,
		      const struct map_page *page, int rc)
{
	struct counting *c = arg;

	(void)first;
	if (rc == 1) {
		rc = count_chunk(c, ref);
		return rc < 0 ? rc : !was_seen(c, ref->name);
	}
	if (!page)
		return rc;		/* a map that cannot be read leaves it all as it is */
	rc = 0;
	for (unsigned i = 0; !level && i < map_page_entries(page) && rc == 0; i++) {
		struct map_entry e;

		map_page_entry(page, i, &e);
		rc = count_chunk(c, &e.ref);
		if (rc == 0 && e.ref.kind == CHUNK_PATCH)
			rc = count_chunk(c, &e.base);
	}
	return rc;
}

static int count_maps(struct vault *v, const struct inventory_point *p, struct counting *c, struct error *err)
{
	AUTO(point_free) struct point *full = NULL;
	struct point_name name = { .time = p->time };
	int rc;

	memcpy(name.object, p->object, sizeof(name.object));
	rc = point_read(v, &name, &full, err);
	for (size_t i = 0; rc == 0 && i < full->n_disks; i++) {
		AUTO(map_reader_free) struct map_reader *m =
			map_reader_new(vault_store(v), vault_ring(v), &full->disk[i], err);

		rc = m ? map_reader_walk(m, count_page, c) : -err->code;
	}
	if (rc == -EBADMSG)		/* nothing of it is given up, and nothing is lost by counting less */
		log_warning("the map of %s cannot be read", p->object);
	if (rc != -ESTALE && rc != -EBADMSG)
		return rc < 0 && err && !err->code ? error_set(err, -rc, "the map of %s cannot be read", p->object) : rc;
	error_clear(err);
	return 0;
}

int half_empties_take(struct inventory *inv, struct half_empties *h, struct error *err)
{
	struct counting c = { .h = h };
	int rc = take_all(inv, h);

	if (rc < 0)
		return error_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < inv->n_points && rc == 0; i++)
		if (compact_is_current(inv, i))
			rc = count_refs(inv, &inv->point[i], h, err);
	keep_if(h, false);
	if (rc < 0 || !h->n)
		return rc;
	c.seen = calloc(SEEN_ROOM, sizeof(*c.seen));
	if (!c.seen)
		return error_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < inv->n_points && rc == 0; i++)
		if (compact_is_current(inv, i))
			rc = count_maps(inv->vault, &inv->point[i], &c, err);
	free(c.seen);
	keep_if(h, true);
	return rc;
}
