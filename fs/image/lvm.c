/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/lvm.h"
#include "crypto/bytes.h"
#include "fs/image/lvm_private.h"
#include "fs/image/lvmtext.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void lvm_free(struct lvm *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n_lvs; i++)
		free(l->lv[i].segment);
	free(l->lv);
	free(l);
}

static bool copy_name(char *to, const struct lvmnode *n)
{
	if (!n->key_len || n->key_len > LVM_NAME_MAX || n->key[0] == '.' ||
	    memchr(n->key, '/', n->key_len))
		return false;
	memcpy(to, n->key, n->key_len);
	to[n->key_len] = '\0';
	return true;
}

static bool same_id(const struct lvmnode *n, const char *id)
{
	size_t at = 0;

	for (size_t i = 0; n && i < n->text_len; i++) {
		if (n->text[i] == '-')
			continue;
		if (at >= 32 || n->text[i] != id[at++])
			return false;
	}
	return n && at == 32;
}

struct group {
	const struct lvmtext *t;
	const struct lvmnode *vg, *pv;	/* pv: the row of the volume that we read */
	uint64_t pe_start, pe_count, pv_size;	/* sectors, extents, bytes */
	bool missing;			/* the group went on without this volume */
	struct lvm *l;
};

__attribute__((format(printf, 2, 3)))
static void refuse(struct lvm_lv *lv, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(lv->reason, sizeof(lv->reason), format, ap);
	va_end(ap);
}

/* Where a one-stripe segment lies; false: lv->reason says why not. */
static bool place_segment(const struct group *g, const struct lvmnode *n, struct lvm_lv *lv,
			  struct lvm_segment *s)
{
	const struct lvmnode *type = lvmtext_get(g->t, n, "type", LVMNODE_STRING);
	const struct lvmnode *pv = lvmtext_first(g->t, lvmtext_get(g->t, n, "stripes", LVMNODE_LIST));
	const struct lvmnode *at = pv ? lvmtext_next(g->t, pv) : NULL;
	uint64_t stripes = 0, pe_bytes;

	lvmtext_number(g->t, n, "stripe_count", &stripes);
	if (type && !lvmtext_is(type, "striped") && !lvmtext_is(type, "linear"))
		refuse(lv, "its segments are of type %.*s, not linear",
		       (int)(type->text_len < 32 ? type->text_len : 32), type->text);
	else if (stripes > 1)
		refuse(lv, "it is striped over %llu areas", (unsigned long long)stripes);
	else if (!type || stripes != 1 || !at || at->kind != LVMNODE_NUMBER ||
		 pv->kind != LVMNODE_STRING || lvmtext_next(g->t, at))
		refuse(lv, "a segment of it is malformed");
	else if (pv->text_len != g->pv->key_len || memcmp(pv->text, g->pv->key, pv->text_len))
		refuse(lv, "it lies on %.*s, not on this physical volume alone",
		       (int)(pv->text_len < 32 ? pv->text_len : 32), pv->text);
	else if (g->missing)
		refuse(lv, "its group went on while this physical volume was missing");
	else if (!range_fits(at->number, s->count, g->pe_count) ||
		 !mul_u64(at->number, g->l->extent_size, &pe_bytes) ||
		 !add_u64(g->pe_start * LVM_SECTOR, pe_bytes, &s->pv_off) ||
		 !mul_u64(s->count, g->l->extent_size, &pe_bytes) ||
		 !range_fits(s->pv_off, pe_bytes, g->pv_size))
		refuse(lv, "it reaches past the end of its physical volume");
	return !lv->reason[0];
}

static int read_segments(const struct group *g, const struct lvmnode *n, struct lvm_lv *lv)
{
	uint64_t want = 0, total = 0;
	size_t rows = 0;

	for (const struct lvmnode *s = lvmtext_first(g->t, n); s; s = lvmtext_next(g->t, s))
		rows += s->kind == LVMNODE_SECTION;
	lv->segment = calloc(rows + 1, sizeof(*lv->segment));
	if (!lv->segment)
		return -ENOMEM;
	for (const struct lvmnode *s = lvmtext_first(g->t, n); s; s = lvmtext_next(g->t, s)) {
		struct lvm_segment *to = &lv->segment[lv->n_segments];

		if (s->kind != LVMNODE_SECTION)
			continue;
		if (!lvmtext_number(g->t, s, "start_extent", &to->start) || to->start != total ||
		    !lvmtext_number(g->t, s, "extent_count", &to->count) || !to->count ||
		    !add_u64(total, to->count, &total)) {
			refuse(lv, "a segment of it is malformed");
			return 0;
		}
		if (!place_segment(g, s, lv, to))
			return 0;
		lv->n_segments++;
	}
	if (!lvmtext_number(g->t, n, "segment_count", &want) || want != rows || !rows ||
	    !mul_u64(total, g->l->extent_size, &lv->size))
		refuse(lv, "its segments are not those that it counts");
	return 0;
}

static bool has_flag(const struct lvmtext *t, const struct lvmnode *in, const char *list,
		     const char *flag)
{
	const struct lvmnode *f = lvmtext_first(t, lvmtext_get(t, in, list, LVMNODE_LIST));

	while (f && !lvmtext_is(f, flag))
		f = lvmtext_next(t, f);
	return f != NULL;
}

static int read_lvs(struct group *g)
{
	const struct lvmnode *all = lvmtext_get(g->t, g->vg, "logical_volumes", LVMNODE_SECTION);
	size_t rows = 0;

	for (const struct lvmnode *n = lvmtext_first(g->t, all); n; n = lvmtext_next(g->t, n))
		rows++;
	g->l->lv = calloc(rows + 1, sizeof(*g->l->lv));
	if (!g->l->lv)
		return -ENOMEM;
	for (const struct lvmnode *n = lvmtext_first(g->t, all); n; n = lvmtext_next(g->t, n)) {
		struct lvm_lv *lv = &g->l->lv[g->l->n_lvs++];
		int rc;

		if (n->kind != LVMNODE_SECTION || !copy_name(lv->name, n))
			return -EBADMSG;
		lv->visible = has_flag(g->t, n, "status", "VISIBLE");
		rc = read_segments(g, n, lv);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static struct lvm_lv *lv_named(const struct lvm *l, const struct lvmnode *name)
{
	for (size_t i = 0; name && i < l->n_lvs; i++)
		if (lvmtext_is(name, l->lv[i].name))
			return &l->lv[i];
	return NULL;
}

/* A snapshot joins two linear volumes by a third, hidden one: its store holds
 * no volume's bytes, and while it is merged its origin holds only a part. */
static void refuse_snapshots(const struct group *g)
{
	const struct lvmnode *all = lvmtext_get(g->t, g->vg, "logical_volumes", LVMNODE_SECTION);

	for (const struct lvmnode *n = lvmtext_first(g->t, all); n; n = lvmtext_next(g->t, n)) {
		for (const struct lvmnode *s = lvmtext_first(g->t, n); s; s = lvmtext_next(g->t, s)) {
			const struct lvmnode *merging = lvmtext_get(g->t, s, "merging_store", LVMNODE_STRING);
			struct lvm_lv *store = lv_named(g->l, merging ? merging : lvmtext_get(
				g->t, s, "cow_store", LVMNODE_STRING));
			struct lvm_lv *origin = merging ? lv_named(g->l, lvmtext_get(
				g->t, s, "origin", LVMNODE_STRING)) : NULL;

			if (store)
				refuse(store, "it is a snapshot");
			if (origin)
				refuse(origin, "a snapshot is being merged into it");
		}
	}
}

static int read_pv(struct group *g, const char *pv_id)
{
	const struct lvmnode *pv = lvmtext_get(g->t, g->vg, "physical_volumes", LVMNODE_SECTION);
	uint64_t bytes;

	for (pv = lvmtext_first(g->t, pv); pv; pv = lvmtext_next(g->t, pv))
		if (same_id(lvmtext_get(g->t, pv, "id", LVMNODE_STRING), pv_id))
			break;
	g->pv = pv;
	if (!pv || !lvmtext_number(g->t, pv, "pe_start", &g->pe_start) ||
	    !lvmtext_number(g->t, pv, "pe_count", &g->pe_count) ||
	    !mul_u64(g->pe_start, LVM_SECTOR, &bytes))
		return -EBADMSG;
	g->missing = has_flag(g->t, pv, "flags", "MISSING") || has_flag(g->t, pv, "status", "MISSING");
	return 0;
}

static int read_group(struct group *g, const char *pv_id)
{
	uint64_t sectors;
	int rc;

	if (!copy_name(g->l->vg, g->vg) ||
	    !lvmtext_number(g->t, g->vg, "extent_size", &sectors) || !sectors ||
	    !mul_u64(sectors, LVM_SECTOR, &g->l->extent_size))
		return -EBADMSG;
	rc = read_pv(g, pv_id);
	if (rc == 0)
		rc = read_lvs(g);
	if (rc < 0)
		return rc;
	refuse_snapshots(g);
	for (size_t i = 0; i < g->l->n_lvs; i++)
		if (g->l->lv[i].reason[0])
			g->l->lv[i].size = g->l->lv[i].n_segments = 0;
	return 0;
}

/* The metadata of one area. */
struct copy {
	char *text;
	struct lvmtext *t;
	const struct lvmnode *vg;
	uint64_t seqno;
};

static void copy_release(struct copy *c)
{
	lvmtext_free(c->t);
	free(c->text);
	*c = (struct copy){ 0 };
}

static int copy_read(struct blockdev *pv, uint64_t mda, struct copy *c, struct error *err)
{
	size_t len = 0;
	int rc = lvm_area_text(pv, mda, &c->text, &len);

	if (rc < 0)
		return rc;
	c->t = lvmtext_parse(c->text, len, err);
	if (!c->t)
		return err->code == ENOMEM ? -ENOMEM : -EBADMSG;
	c->vg = lvmtext_first(c->t, c->t->node);
	while (c->vg && c->vg->kind != LVMNODE_SECTION)
		c->vg = lvmtext_next(c->t, c->vg);
	return lvmtext_number(c->t, c->vg, "seqno", &c->seqno) ? 0 : -EBADMSG;
}

/* The newest valid copy of the metadata.  0, -ENODATA: there is none at all,
 * -EBADMSG, codes of the reader. */
static int newest_copy(struct blockdev *pv, const struct lvm_label *label, struct copy *best,
		       struct lvm *l)
{
	int worst = -ENODATA;

	for (unsigned i = 0; i < label->n_mdas; i++) {
		struct error err = ERROR_INIT;
		struct copy c = { 0 };
		int rc = copy_read(pv, label->mda[i], &c, &err);

		if (rc == 0 && (!best->t || c.seqno > best->seqno)) {
			copy_release(best);
			*best = c;
			continue;
		}
		copy_release(&c);
		if (rc < 0 && rc != -ENODATA)
			worst = rc;
	}
	l->damaged_copy = best->t && worst != -ENODATA;
	return best->t ? 0 : worst;
}

static int find_group(struct blockdev *pv, struct lvm *l, struct error *err)
{
	__attribute__((cleanup(copy_release))) struct copy c = { 0 };
	struct group g = { .pv_size = pv->size, .l = l };
	struct lvm_label label;
	int rc = lvm_label_find(pv, &label);

	if (rc < 0)
		return error_set(err, -rc, rc == -ENOENT ? "there is no LVM label" :
				 "the LVM label cannot be read");
	rc = newest_copy(pv, &label, &c, l);
	if (rc == -ENODATA)
		return error_set(err, ENOTSUP, "this physical volume keeps no LVM metadata: it is "
				 "on another disk of the group, or the volume is in no group");
	if (rc < 0)
		return error_set(err, -rc, "no copy of the LVM metadata is readable");
	g.t = c.t;
	g.vg = c.vg;
	rc = read_group(&g, label.id);
	return rc < 0 ? error_set(err, -rc, "the LVM metadata makes no sense") : 0;
}

struct lvm *lvm_read(struct blockdev *pv, struct error *err)
{
	AUTO(lvm_free) struct lvm *l = calloc(1, sizeof(*l));

	if (!l)
		return error_null(err, ENOMEM, "out of memory");
	return find_group(pv, l, err) < 0 ? NULL : TAKE(l);
}
