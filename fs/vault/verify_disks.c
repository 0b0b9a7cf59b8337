/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/bytes.h"
#include "crypto/hash.h"
#include "crypto/secret.h"
#include "fs/vault/fetch.h"
#include "fs/vault/map_reader.h"
#include "fs/vault/verify_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CACHE_BYTES (16u << 20)
#define BATCH 64u
#define SEGMENT_TAIL 64u
#define SEEN_MAX (1u << 20)		/* pages remembered: 16 MiB */

/* Leaves that were walked without a fault, by name: other points share them. */
struct seen { uint8_t (*name)[CHUNK_NAME_BYTES]; size_t room; size_t n; };

struct walk {
	struct verify_state *s;
	struct chunk_cache *cache;
	struct fetcher *fetcher;
	struct hmac *names;
	const struct vpoint *vp;
	const struct point *point;
	const struct point_disk *disk;
	struct seen *seen;
	/* The range that is being told, as long as it goes on. */
	char object[160];
	const char *text;
	int code;
	uint64_t off, len;
	/* PATCH chunks to apply and name. */
	struct map_entry batch[BATCH];
	uint64_t batch_at[BATCH];
	unsigned n_batch;
	bool faulty;			/* since the leaf began */
	bool looked, left;		/* whether the point is still as it was listed; has_left() */
	char last_vm[VM_ID_TEXT];	/* of the point before, and its number */
	uint64_t last_number;
};

static uint8_t *seen_slot(struct seen *t, const uint8_t *name)
{
	size_t i = le64(name) & (t->room - 1);

	while (memcmp(t->name[i], (uint8_t[CHUNK_NAME_BYTES]){ 0 }, CHUNK_NAME_BYTES) &&
	       memcmp(t->name[i], name, CHUNK_NAME_BYTES))
		i = (i + 1) & (t->room - 1);
	return t->name[i];
}

static bool seen_has(struct seen *t, const uint8_t *name)
{
	return !memcmp(seen_slot(t, name), name, CHUNK_NAME_BYTES);
}

static void seen_add(struct seen *t, const uint8_t *name)
{
	if (t->n < t->room / 2 && !seen_has(t, name)) {
		memcpy(seen_slot(t, name), name, CHUNK_NAME_BYTES);
		t->n++;
	}
}

/* One that has expired, or was written anew by a compact, since the vault was listed: what it names may go. */
static bool has_left(struct walk *w)
{
	struct point_name newest;
	int rc;

	if (!w->looked) {
		rc = point_newest(w->s->q->v, w->vp->object, &newest, NULL);
		w->left = rc == -ESTALE || (rc == 0 && strcmp(newest.object, w->vp->object));
		w->looked = true;
	}
	return w->left;
}

static void tell(struct walk *w, const char *object, int code, const char *text, uint64_t off, uint64_t len)
{
	struct verify_fault f = { .code = code, .object = object, .text = text, .point = w->vp->object,
				  .vm = w->point ? w->point->vm : "", .point_id = w->point ? w->point->id : "",
				  .disk = w->disk ? w->disk->name : "", .off = off, .len = len };

	if (!has_left(w))
		verify_tell(w->s, &f);
}

static void flush(struct walk *w)
{
	if (w->len)
		tell(w, w->object, w->code, w->text, w->off, w->len);
	w->len = 0;
}

/* n chunks of the disk cannot be had; neighbours of one segment are one fault. */
static void chunk_fault(struct walk *w, uint64_t chunk, uint64_t n, const uint8_t *segment, int code,
			const char *text)
{
	uint64_t off = chunk * w->disk->chunk_size, len = n * w->disk->chunk_size;
	char object[160];

	if (off >= w->disk->size)
		return;
	len = len < w->disk->size - off ? len : w->disk->size - off;
	segment_name(segment, object, sizeof(object));
	w->faulty = true;
	if (w->len && w->off + w->len == off && !strcmp(object, w->object) && w->text == text) {
		w->len += len;
		return;
	}
	flush(w);
	memcpy(w->object, object, sizeof(object));
	w->text = text;
	w->code = code;
	w->off = off;
	w->len = len;
}

static int fetch_and_name(struct walk *w, const struct map_entry *e)
{
	uint8_t sum[SHA256_BYTES];
	struct chunk *k = NULL;
	int rc = fetch_chunks(w->fetcher, e, 1, &k);

	if (rc == -ENOENT)
		rc = -EBADMSG;
	if (rc == 0)
		rc = hmac_once(w->names, chunk_bytes(k), w->disk->chunk_size, sum);
	if (rc == 0 && memcmp(sum, e->ref.name, CHUNK_NAME_BYTES))
		rc = -EBADMSG;
	chunk_put(k);
	return rc;
}

static void apply_batch(struct walk *w)
{
	struct chunk *k[BATCH];

	/* One request for what lies together; the cache then has it. */
	if (w->n_batch && fetch_chunks(w->fetcher, w->batch, w->n_batch, k) == 0)
		for (unsigned i = 0; i < w->n_batch; i++)
			chunk_put(k[i]);
	for (unsigned i = 0; i < w->n_batch; i++) {
		int rc = fetch_and_name(w, &w->batch[i]);

		if (rc < 0)
			chunk_fault(w, w->batch_at[i], 1, w->batch[i].ref.segment, -rc,
				    "a patched chunk does not give what was stored");
	}
	w->n_batch = 0;
}

static bool first_time(struct vsegment *seg, uint32_t number)
{
	if (!seg->patch_seen)
		seg->patch_seen = calloc(SEGMENT_CHUNKS_MAX / 8, 1);
	if (!seg->patch_seen)
		return true;
	if (number >= SEGMENT_CHUNKS_MAX || seg->patch_seen[number / 8] & 1u << number % 8)
		return false;
	seg->patch_seen[number / 8] |= (uint8_t)(1u << number % 8);
	return true;
}

static bool is_there(struct walk *w, const uint8_t *segment)
{
	struct object o;
	char name[160];

	segment_name(segment, name, sizeof(name));
	return store_stat(w->s->q->st, name, &o, NULL) == 0;
}

/* Does the chunk lie where the map says?  NULL: yes; *read: only reading tells. */
static const char *place_fault(struct walk *w, const struct chunk_ref *ref, int *code, bool *read)
{
	struct vsegment *seg = verify_find_segment(w->s, ref->segment);

	*code = EBADMSG;
	if (!seg && is_there(w, ref->segment)) {
		*read = true;	/* stored after the vault was listed */
		return NULL;
	}
	if (!seg || seg->state == SEG_MISSING) {
		*code = ENOENT;
		return "a segment is missing";
	}
	if (w->vp->refs && !verify_point_needs(w->vp, ref->segment))
		return "the point's refs do not name a segment that it needs";
	if (seg->state == SEG_FINE && (ref->number >= seg->rows || seg->print[ref->number] != verify_print(ref)))
		return "the map names a chunk that is not there";
	if ((uint64_t)ref->off + ref->len + SEGMENT_TAIL > seg->size)
		return "a segment is cut";
	*read = *read || seg->state == SEG_BAD;
	return NULL;
}

static void check_entry(struct walk *w, const struct map_entry *e, uint64_t chunk)
{
	bool patch = e->ref.kind == CHUNK_PATCH, read = false;
	struct vsegment *seg;
	const char *text;
	int code, rc;

	text = place_fault(w, &e->ref, &code, &read);
	if (text) {
		chunk_fault(w, chunk, 1, e->ref.segment, code, text);
		return;
	}
	text = patch ? place_fault(w, &e->base, &code, &read) : NULL;
	if (text) {
		chunk_fault(w, chunk, 1, e->base.segment, code, text);
		return;
	}
	if (read) {
		rc = fetch_and_name(w, e);
		if (rc < 0)
			chunk_fault(w, chunk, 1, e->ref.segment, -rc, "a chunk is damaged");
		return;
	}
	seg = verify_find_segment(w->s, e->ref.segment);
	if (!patch || !seg || seg->state != SEG_FINE || !first_time(seg, e->ref.number))
		return;
	w->batch[w->n_batch] = *e;
	w->batch_at[w->n_batch++] = chunk;
	if (w->n_batch == BATCH)
		apply_batch(w);
}

static int check_page(void *arg, const struct chunk_ref *ref, unsigned level, uint64_t first,
		      const struct map_page *page, int rc)
{
	struct walk *w = arg;

	if (rc == 1)		/* shall it be read? */
		return level > 0 || !seen_has(w->seen, ref->name);
	if (!page) {
		chunk_fault(w, first, map_span(level + 1), ref->segment, -rc,
			    rc == -EBADMSG ? "a page of the map is damaged or missing"
					   : "a page of the map cannot be read");
		return 0;
	}
	if (w->vp->refs && !verify_point_needs(w->vp, ref->segment))
		chunk_fault(w, first, map_span(level + 1), ref->segment, EBADMSG,
			    "the point's refs do not name a segment of its map");
	if (level)
		return 0;
	w->faulty = false;
	for (unsigned i = 0; i < map_page_entries(page); i++) {
		struct map_entry e;

		map_page_entry(page, i, &e);
		if (e.ref.kind != CHUNK_ZERO)
			check_entry(w, &e, first + i);
	}
	apply_batch(w);
	if (!w->faulty)
		seen_add(w->seen, ref->name);
	return w->s->q->progress ? w->s->q->progress(w->s->q->arg, 0, 0) : 0;
}

static int walk_disk(struct walk *w, const struct point_disk *d, struct error *err)
{
	AUTO(map_reader_free) struct map_reader *m = NULL;
	struct error own = ERROR_INIT;
	int rc;

	w->disk = d;
	m = map_reader_new(w->s->q->st, vault_ring(w->s->q->v), d, &own);
	if (!m) {
		tell(w, w->vp->object, own.code, own.text, 0, 0);
		return 0;
	}
	w->fetcher = fetcher_new(w->s->q->st, vault_ring(w->s->q->v), w->cache, d->chunk_size, err);
	if (!w->fetcher)
		return -ENOMEM;
	fetcher_quiet(w->fetcher);
	rc = map_reader_walk(m, check_page, w);
	flush(w);
	fetcher_free(TAKE(w->fetcher));
	return rc < 0 ? error_set(err, -rc, rc == -EINTR ? "interrupted" : "stopped") : 0;
}

/* Points of a VM are numbered: one that is gone was pruned, which a log or a
 * mark tells, or was taken away. */
static void check_number(struct walk *w, const struct point *p)
{
	bool told = verify_has_object(w->s, "log/") || verify_has_object(w->s, "exp/");

	if (strcmp(w->last_vm, w->vp->name->vm_id))
		w->last_number = 0;
	memcpy(w->last_vm, w->vp->name->vm_id, VM_ID_TEXT);
	/* One that cannot be read counts as the next. */
	if (p && p->number > w->last_number + 1 && !told && w->s->q->n_points != 1)
		tell(w, w->vp->object, ENOENT, "points before this one are gone, and nothing says why", 0, 0);
	w->last_number = p ? p->number : w->last_number + 1;
}

/* A top page that the manifest keeps too is never read from its segment. */
static void check_segments_exist(struct walk *w, const struct refs_row *rows, size_t n)
{
	char name[160];
	struct object o;

	w->disk = NULL;
	for (size_t i = 0; i < n; i++) {
		segment_name(rows[i].segment, name, sizeof(name));
		if (!verify_find_segment(w->s, rows[i].segment) && store_stat(w->s->q->st, name, &o, NULL) == -ENOENT)
			tell(w, name, ENOENT, "a segment is missing, though every chunk can be read without it", 0, 0);
	}
}

static int walk_point(struct walk *w, const struct vpoint *vp, struct error *err)
{
	uint64_t faults = w->s->out->faults;
	AUTO(point_free) struct point *p = NULL;
	struct error own = ERROR_INIT;
	AUTO(free) struct refs_row *rows = NULL;
	uint8_t key[32];
	size_t n = 0;
	int rc;

	w->vp = vp;
	w->disk = NULL;
	w->point = NULL;
	w->looked = false;
	if (point_read(w->s->q->v, vp->name, &p, &own) < 0) {
		check_number(w, NULL);
		/* One that is there and damaged is told with the other objects. */
		if (own.code != ESTALE && w->s->q->n_points)
			tell(w, vp->object, own.code, own.text, 0, 0);
		return 0;
	}
	w->point = p;
	check_number(w, p);
	if (refs_get(w->s->q->st, vp->session, p->refs_sha256, &rows, &n, &own) < 0 && vp->refs)
		tell(w, vp->object, own.code, "the refs are not those of this point", 0, 0);
	rc = vault_name_key(w->s->q->v, vp->name->vm_id, key);
	w->names = rc == 0 ? hmac_new(key, sizeof(key)) : NULL;
	wipe(key, sizeof(key));
	if (!w->names)
		return error_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < p->n_disks && rc == 0; i++)
		rc = walk_disk(w, &p->disk[i], err);
	hmac_free(TAKE(w->names));
	/* Where a chunk is told, its segment is. */
	if (rows && w->s->out->faults == faults)
		check_segments_exist(w, rows, n);
	return rc;
}

int verify_disks(struct verify_state *s, struct error *err)
{
	struct seen seen = { .room = SEEN_MAX };
	AUTO(chunk_cache_free) struct chunk_cache *cache = chunk_cache_new(CACHE_BYTES, err);
	AUTO(free) struct walk *w = calloc(1, sizeof(*w));
	AUTO(free) void *names = calloc(SEEN_MAX, CHUNK_NAME_BYTES);
	int rc = 0;

	if (!cache || !w || !names)
		return error_set(err, ENOMEM, "out of memory");
	seen.name = names;
	w->s = s;
	w->cache = cache;
	w->seen = &seen;
	for (size_t i = 0; i < s->n_points && rc == 0; i++)
		rc = walk_point(w, &s->point[i], err);
	return rc;
}
