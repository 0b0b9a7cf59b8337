/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/backup/compact.h"
#include "crypto/hash.h"
#include "fs/backup/compact_private.h"
#include "fs/util/log.h"
#include "fs/vault/expire.h"
#include "fs/vault/map_reader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* One point being written anew. */
struct rewrite {
	struct run run;
	struct vault_session *session;
	struct condemned *condemned;
	struct point *point;
	bool unsure;			/* the commit's put may still arrive */
};

static void rewrite_clear(struct rewrite *w)
{
	if (w->unsure)
		vault_session_free(w->session);
	else
		vault_session_end(w->session);
	condemned_free(w->condemned);
	point_free(w->point);
	refs_free(w->run.refs);
	pthread_mutex_destroy(&w->run.lock);
}

static void name_of(const struct inventory_point *p, struct point_name *name)
{
	*name = (struct point_name){ .time = p->time };
	memcpy(name->object, p->object, sizeof(name->object));
	memcpy(name->vm_id, p->vm_id, sizeof(name->vm_id));
	memcpy(name->id, p->id, sizeof(name->id));
}

static int avoid_all(struct condemned *c, const struct half_empties *avoid)
{
	AUTO(free) uint8_t (*id)[SEGMENT_ID_BYTES] = calloc(avoid->n + 1, sizeof(*id));

	if (!id)
		return -ENOMEM;
	for (size_t i = 0; i < avoid->n; i++)
		memcpy(id[i], avoid->row[i].id, SEGMENT_ID_BYTES);
	return condemned_add(c, (const uint8_t (*)[SEGMENT_ID_BYTES])id, avoid->n);
}

static bool is_marked(struct vault *v, const struct inventory_point *p)
{
	struct object o;
	char name[64];

	snprintf(name, sizeof(name), "exp/%s", p->session);
	return store_stat(vault_store(v), name, &o, NULL) == 0;
}

/* W1 to W3: -ESTALE when the point has gone.  avoid: segments to be given up; may be NULL. */
static int begin(struct rewrite *w, const struct inventory_point *p, const struct half_empties *avoid,
		 struct error *err)
{
	struct vault *v = w->run.vault;
	struct point_name name;
	char folder[96];
	int rc = 0;

	name_of(p, &name);
	memcpy(w->run.vm_id, p->vm_id, VM_ID_TEXT);
	snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(p->object, '/') - p->object), p->object);
	w->run.refs = refs_new();
	w->session = w->run.refs ? vault_session_begin(v, "compact", folder, err) : NULL;
	w->condemned = w->session ? condemned_list(v, err) : NULL;
	if (!w->condemned)
		return err->code ? -err->code : -ENOMEM;
	w->run.condemned = w->condemned;
	w->run.session = vault_session_id(w->session);
	if (avoid && (avoid_all(w->condemned, avoid) < 0))
		return error_set(err, ENOMEM, "out of memory");
	if (avoid && is_marked(v, p))
		return error_set(err, ESTALE, "the point is leaving");
	rc = point_read(v, &name, &w->point, err);
	if (rc == 0)
		memcpy(w->point->session, w->run.session, SESSION_ID_BYTES);
	return rc;
}

/* W4's end and W5. */
static int commit(struct rewrite *w, struct error *err)
{
	struct vault *v = w->run.vault;
	int rc = refs_put(w->run.refs, vault_store(v), w->run.session, w->point->refs_sha256, err);

	if (rc == 0)
		rc = store_now(vault_store(v), &w->point->rewritten, err);
	if (rc < 0)
		return rc;
	rc = point_put(v, w->point, NULL, err);
	w->unsure = rc == -EHOSTUNREACH || rc == -ETIMEDOUT || rc == -EIO;
	return rc;
}

/* A disk's leaves on their way from the old map to the new one. */
struct leaves {
	struct rewrite *w;
	struct point_disk *disk;
	struct map_tree *tree;
	struct parent_map *parent;
	struct copier *copier;
	struct map_entry *entries;
	struct error *err;
};

/* The opening set names chunks as the map does. */
static void move_opening(struct leaves *l, uint64_t first)
{
	for (size_t i = 0; i < l->disk->n_opening; i++) {
		struct opening_row *row = &l->disk->opening[i];

		if (row->chunk >= first && row->chunk - first < MAP_FANOUT)
			row->entry = l->entries[row->chunk - first];
	}
}

static int take_leaf(void *arg, const struct chunk_ref *ref, unsigned level, uint64_t first,
		     const struct map_page *page, int rc)
{
	struct leaves *l = arg;

	(void)ref;
	if (rc == 1)
		return 1;
	if (!page)
		return error_set(l->err, -rc, "a page of the map cannot be read");
	if (level)
		return 0;
	if (vault_session_beat(l->w->session, NULL) < 0)
		log_warning("the sign of life of this compact cannot be renewed");
	memset(l->entries, 0, MAP_FANOUT * sizeof(*l->entries));
	for (unsigned i = 0; i < map_page_entries(page); i++)
		map_page_entry(page, i, &l->entries[i]);
	rc = copier_leaf(l->copier, l->entries, MAP_FANOUT, l->err);
	if (rc < 0)
		return rc;
	move_opening(l, first);
	return map_tree_leaf(l->tree, l->parent, first, l->entries, MAP_FANOUT, l->err);
}

static int rewrite_disk(struct rewrite *w, struct point_disk *d, struct error *err)
{
	struct vault *v = w->run.vault;
	const struct point_disk old = *d;
	AUTO(map_reader_free) struct map_reader *m = map_reader_new(vault_store(v), vault_ring(v), &old, err);
	AUTO(parent_map_free) struct parent_map *parent = m ? parent_map_new(vault_store(v), vault_ring(v), &old, err)
							    : NULL;
	AUTO(map_tree_free) struct map_tree *tree =
		parent ? map_tree_new(&w->run, d->chunk_size, d->levels, parent, err) : NULL;
	AUTO(copier_free) struct copier *copier = tree ? copier_new(&w->run, d->chunk_size, err) : NULL;
	AUTO(free) struct map_entry *entries = calloc(MAP_FANOUT, sizeof(*entries));
	struct leaves l = { w, d, tree, parent, copier, entries, err };
	int rc;

	if (!copier || !entries)
		return err->code ? -err->code : -ENOMEM;
	rc = map_reader_walk(m, take_leaf, &l);
	if (rc == 0)
		rc = copier_flush(copier, err);
	d->stored_bytes = 0;
	if (rc == 0)
		rc = map_tree_finish(tree, &d->top, &d->has_top, &d->stored_bytes, err);
	map_reader_free(TAKE(m));	/* it borrows the old top page */
	free(TAKE(d->top_page));
	return rc < 0 ? rc : map_keep_top(vault_store(v), d, err);
}

static int rewrite_point(struct vault *v, const struct inventory_point *p, const struct half_empties *avoid,
			 struct chunk_index *index, char *object, uint64_t *bytes, struct error *err)
{
	__attribute__((cleanup(rewrite_clear))) struct rewrite w = { .run.vault = v, .run.index = index };
	int rc;

	pthread_mutex_init(&w.run.lock, NULL);
	rc = begin(&w, p, avoid, err);
	for (size_t i = 0; i < (w.point ? w.point->n_disks : 0) && rc == 0; i++)
		rc = rewrite_disk(&w, &w.point->disk[i], err);
	if (rc == 0)
		rc = commit(&w, err);
	if (bytes)
		*bytes += atomic_load(&w.run.new_bytes);
	if (rc == 0 && object)
		point_object_name(w.point, object, sizeof(p->object));
	return rc;
}

/* Its refs as they are, when nothing of them is about to go. */
static int copy_refs(struct rewrite *w, const struct inventory_point *p, struct error *err)
{
	AUTO(free) struct refs_row *rows = NULL;
	uint8_t session[SESSION_ID_BYTES];
	size_t n = 0;
	int rc = hex_decode(p->session, session, sizeof(session)) < 0 ? -EBADMSG : 0;

	if (rc == 0)
		rc = refs_get(vault_store(w->run.vault), session, w->point->refs_sha256, &rows, &n, err);
	for (size_t i = 0; i < n && rc == 0; i++) {
		struct object o;
		char name[160];

		segment_name(rows[i].segment, name, sizeof(name));
		if (condemned_has(w->condemned, rows[i].segment) ||
		    store_stat(vault_store(w->run.vault), name, &o, NULL) < 0)
			return error_set(err, ESTALE, "a segment of the point is leaving, or has left");
		rc = refs_add(w->run.refs, rows[i].segment, rows[i].chunks, rows[i].bytes);
	}
	return rc;
}

int compact_recommit(struct vault *v, const struct inventory_point *p, bool rebuild, char *object, struct error *err)
{
	__attribute__((cleanup(rewrite_clear))) struct rewrite w = { .run.vault = v };
	AUTO(chunk_index_free) struct chunk_index *index = NULL;
	int rc;

	if (rebuild) {
		index = chunk_index_new();
		return index ? rewrite_point(v, p, NULL, index, object, NULL, err)
			     : error_set(err, ENOMEM, "out of memory");
	}
	pthread_mutex_init(&w.run.lock, NULL);
	rc = begin(&w, p, NULL, err);
	if (rc == 0)
		rc = copy_refs(&w, p, err);
	if (rc == 0)
		rc = commit(&w, err);
	if (rc == 0 && object)
		point_object_name(w.point, object, sizeof(p->object));
	return rc;
}

/* 1: it refers to one of them. */
static int needs(struct vault *v, const struct inventory_point *p, const struct half_empties *h, struct error *err)
{
	AUTO(free) struct refs_row *rows = NULL;
	uint8_t session[SESSION_ID_BYTES];
	size_t n = 0;
	int rc = hex_decode(p->session, session, sizeof(session)) < 0 ? -EBADMSG : 0;

	if (rc == 0)
		rc = refs_get(vault_store(v), session, NULL, &rows, &n, err);
	for (size_t i = 0; i < n && rc == 0; i++)
		if (half_empties_find(h, rows[i].segment))
			rc = 1;
	if (rc == -ENOENT)
		error_clear(err);
	return rc == -ENOENT ? 0 : rc;
}

/* A point that cannot be rewritten stays as it is. */
static int compact_point(struct vault *v, const struct inventory_point *p, const struct half_empties *h,
			 struct chunk_index *index, struct compact_result *out, struct error *err)
{
	int rc = needs(v, p, h, err);

	if (rc <= 0)
		return rc;
	rc = rewrite_point(v, p, h, index, NULL, &out->copied_bytes, err);
	if (rc == 0)
		rc = expire_mark(v, p->object, err);
	if (rc == -ESTALE || rc == -EBADMSG || rc == -EEXIST || rc == -ENOENT) {
		if (rc == -EBADMSG)
			log_warning("%s is damaged and was not compacted: %s", p->object, err->text);
		error_clear(err);
		out->left++;
		return 0;
	}
	out->points += rc == 0;
	return rc;
}

int compact_run(struct inventory *inv, const struct compact_options *o, struct compact_result *out, struct error *err)
{
	__attribute__((cleanup(half_empties_clear))) struct half_empties h = { .n = 0 };
	AUTO(chunk_index_free) struct chunk_index *index = chunk_index_new();
	int rc;

	*out = (struct compact_result){ 0 };
	if (!index)
		return error_set(err, ENOMEM, "out of memory");
	rc = half_empties_take(inv, &h, err);
	for (size_t i = 0; i < h.n; i++) {
		out->segments++;
		out->segment_bytes += h.row[i].size;
		out->live_bytes += h.row[i].live;
	}
	for (size_t i = 0; i < inv->n_points && rc == 0 && h.n && !o->dry; i++) {
		const struct inventory_point *p = &inv->point[i];

		if (compact_is_current(inv, i) && (!o->vm_id || !strcmp(o->vm_id, p->vm_id)))
			rc = compact_point(inv->vault, p, &h, index, out, err);
		if (rc == 0 && o->progress && (rc = o->progress(o->arg, i + 1, inv->n_points)) < 0)
			error_set(err, -rc, "interrupted; the points that were rewritten stay so");
	}
	return rc;
}
