/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/lvm.h"
#include "crypto/bytes.h"
#include "fs/image/lvmtext.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SECTOR 512u
#define LABEL_SECTORS 4u
#define AREAS_MAX 16u

static const char mda_magic[] = " LVM2 x[5A%r0N*>";

struct label {
	char id[33];			/* the physical volume's, without dashes */
	uint64_t mda[AREAS_MAX];	/* bytes */
	unsigned n_mdas;
};

uint32_t lvm_crc(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t crc = 0xf597a6cf;

	while (len--) {
		crc ^= *p++;
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return crc;
}

void lvm_free(struct lvm *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n_lvs; i++)
		free(l->lv[i].segment);
	free(l->lv);
	free(l);
}

static int parse_label(const uint8_t *s, unsigned sector, struct label *out)
{
	uint32_t at = le32(s + 20);
	bool metadata = false;

	if (memcmp(s, "LABELONE", 8) || memcmp(s + 24, "LVM2 001", 8))
		return -ENOENT;
	if (le64(s + 8) != sector || lvm_crc(s + 20, SECTOR - 20) != le32(s + 16) ||
	    at < 32 || at > SECTOR - 56)
		return -EBADMSG;
	memcpy(out->id, s + at, 32);
	/* two lists of (offset, size), each closed by an offset of 0: data, then metadata */
	for (at += 40; at + 16 <= SECTOR; at += 16) {
		uint64_t off = le64(s + at);

		if (!off && metadata)
			return 0;
		if (!off)
			metadata = true;
		else if (metadata && out->n_mdas < AREAS_MAX)
			out->mda[out->n_mdas++] = off;
	}
	return -EBADMSG;
}

static int find_label(struct blockdev *pv, struct label *out)
{
	int worst = -ENOENT;

	for (unsigned i = 0; i < LABEL_SECTORS && (i + 1) * SECTOR <= pv->size; i++) {
		uint8_t s[SECTOR];
		int rc = blockdev_pread(pv, s, SECTOR, i * SECTOR);

		if (rc < 0)
			return rc;
		*out = (struct label){ .n_mdas = 0 };
		rc = parse_label(s, i, out);
		if (rc == 0)
			return 0;
		if (rc == -EBADMSG)
			worst = rc;
	}
	return worst;
}

/* The area's text, malloc'ed; its ring begins behind the header. */
static int read_text(struct blockdev *pv, uint64_t mda, char **text, size_t *len)
{
	uint8_t h[SECTOR];
	uint64_t size, off, bytes, first;
	AUTO(free) char *buf = NULL;
	int rc = range_fits(mda, SECTOR, pv->size) ? blockdev_pread(pv, h, SECTOR, mda) : -EBADMSG;

	if (rc < 0)
		return rc;
	size = le64(h + 32);
	off = le64(h + 40);
	bytes = le64(h + 48);
	if (lvm_crc(h + 4, SECTOR - 4) != le32(h) || memcmp(h + 4, mda_magic, 16) ||
	    le32(h + 20) != 1 || le64(h + 24) != mda || !range_fits(mda, size, pv->size))
		return -EBADMSG;
	if (!off || le32(h + 60) & 1)
		return -ENODATA;	/* empty, or to be ignored */
	if (size <= SECTOR || off < SECTOR || off >= size || !bytes || bytes > LVM_TEXT_MAX ||
	    bytes > size - SECTOR)
		return -EBADMSG;
	buf = malloc((size_t)bytes);
	if (!buf)
		return -ENOMEM;
	first = bytes < size - off ? bytes : size - off;
	rc = blockdev_pread(pv, buf, (size_t)first, mda + off);
	if (rc == 0)
		rc = blockdev_pread(pv, buf + first, (size_t)(bytes - first), mda + SECTOR);
	if (rc == 0 && lvm_crc(buf, (size_t)bytes) != le32(h + 56))
		rc = -EBADMSG;
	if (rc < 0)
		return rc;
	*len = (size_t)bytes;
	*text = buf;
	buf = NULL;
	return 0;
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
		refuse(lv, "it lies on another physical volume, %.*s",
		       (int)(pv->text_len < 32 ? pv->text_len : 32), pv->text);
	else if (!range_fits(at->number, s->count, g->pe_count) ||
		 !mul_u64(at->number, g->l->extent_size, &pe_bytes) ||
		 !add_u64(g->pe_start * SECTOR, pe_bytes, &s->pv_off) ||
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
		const struct lvmnode *flag = lvmtext_get(g->t, n, "status", LVMNODE_LIST);
		int rc;

		if (n->kind != LVMNODE_SECTION || !copy_name(lv->name, n))
			return -EBADMSG;
		for (flag = lvmtext_first(g->t, flag); flag; flag = lvmtext_next(g->t, flag))
			lv->visible = lv->visible || lvmtext_is(flag, "VISIBLE");
		rc = read_segments(g, n, lv);
		if (rc < 0)
			return rc;
		if (lv->reason[0])
			lv->size = lv->n_segments = 0;
	}
	return 0;
}

static int read_group(struct group *g, const char *pv_id)
{
	const struct lvmnode *pv;
	uint64_t sectors;

	for (g->vg = lvmtext_first(g->t, g->t->node); g->vg && g->vg->kind != LVMNODE_SECTION;)
		g->vg = lvmtext_next(g->t, g->vg);
	if (!g->vg || !copy_name(g->l->vg, g->vg) ||
	    !lvmtext_number(g->t, g->vg, "extent_size", &sectors) || !sectors ||
	    !mul_u64(sectors, SECTOR, &g->l->extent_size))
		return -EBADMSG;
	pv = lvmtext_get(g->t, g->vg, "physical_volumes", LVMNODE_SECTION);
	for (pv = lvmtext_first(g->t, pv); pv; pv = lvmtext_next(g->t, pv))
		if (same_id(lvmtext_get(g->t, pv, "id", LVMNODE_STRING), pv_id))
			break;
	g->pv = pv;
	if (!pv || !lvmtext_number(g->t, pv, "pe_start", &g->pe_start) ||
	    !lvmtext_number(g->t, pv, "pe_count", &g->pe_count) ||
	    !mul_u64(g->pe_start, SECTOR, &sectors))
		return -EBADMSG;
	return read_lvs(g);
}

struct lvm *lvm_read(struct blockdev *pv, struct error *err)
{
	AUTO(lvm_free) struct lvm *l = calloc(1, sizeof(*l));
	AUTO(lvmtext_free) struct lvmtext *t = NULL;
	AUTO(free) char *text = NULL;
	struct group g = { .pv_size = pv->size, .l = l };
	struct label label;
	size_t len = 0;
	struct lvm *done;
	int rc = l ? find_label(pv, &label) : -ENOMEM;

	if (rc < 0)
		return error_null(err, -rc, rc == -ENOENT ? "there is no LVM label" :
				  "the LVM label cannot be read");
	rc = -ENODATA;
	for (unsigned i = 0; i < label.n_mdas && !text; i++)
		rc = read_text(pv, label.mda[i], &text, &len);
	if (!text)
		return error_null(err, rc == -ENODATA ? EBADMSG : -rc,
				  "this physical volume holds no readable LVM metadata");
	t = lvmtext_parse(text, len, err);
	if (!t)
		return NULL;
	g.t = t;
	rc = read_group(&g, label.id);
	if (rc < 0)
		return error_null(err, -rc, "the LVM metadata makes no sense");
	done = l;
	l = NULL;
	return done;
}
