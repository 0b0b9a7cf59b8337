/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/point_private.h"
#include "crypto/aead.h"
#include "crypto/bytes.h"
#include "crypto/hash.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool point_hex_text_ok(const char *text, size_t len)
{
	return text && strlen(text) == len && strspn(text, "0123456789abcdef") == len;
}

bool point_name_ok(const char *name)
{
	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	for (; *name; name++)
		if ((unsigned char)*name < 0x20 || *name == 0x7f || *name == '/')
			return false;
	return true;
}

bool point_get_text(const struct jval *o, const char *name, char *out, size_t size)
{
	const char *text = jval_text(jval_get(o, name));

	if (!text || strlen(text) >= size)
		return false;
	memcpy(out, text, strlen(text) + 1);
	return true;
}

bool point_get_u64(const struct jval *o, const char *name, uint64_t max, uint64_t *out)
{
	const struct jval *v = jval_get(o, name);
	const char *text = jval_text(v);

	if (!text || !*text || (text[0] == '0' && text[1]) || strspn(text, "0123456789") != strlen(text))
		return false;
	return jval_u64(v, out) && *out <= max;
}

bool point_get_hex(const struct jval *o, const char *name, void *out, size_t len)
{
	const char *text = jval_text(jval_get(o, name));

	return point_hex_text_ok(text, 2 * len) && hex_decode(text, out, len) == 0;
}

uint64_t point_disk_chunks(const struct point_disk *d)
{
	return d->size / d->chunk_size + (d->size % d->chunk_size != 0);
}

static int set_hex(struct jval *o, const char *name, const void *data, size_t len)
{
	char text[2 * OPENING_ROW_BYTES + 1];

	hex_encode(data, len, text);
	return jval_set_text(o, name, text);
}

static struct jval *top_to_jval(const struct chunk_ref *r)
{
	AUTO(jval_free) struct jval *o = jval_object();
	int rc = set_hex(o, "name", r->name, CHUNK_NAME_BYTES);

	rc = rc ? rc : set_hex(o, "segment", r->segment, SEGMENT_ID_BYTES);
	rc = rc ? rc : jval_set_u64_text(o, "epoch", r->epoch);
	rc = rc ? rc : jval_set_u64_text(o, "offset", r->off);
	rc = rc ? rc : jval_set_u64_text(o, "length", r->len);
	rc = rc ? rc : jval_set_u64_text(o, "number", r->number);
	return rc ? NULL : TAKE(o);
}

static bool top_from_jval(const struct jval *o, struct chunk_ref *r)
{
	uint64_t epoch, off, len, number;

	if (!point_get_hex(o, "name", r->name, CHUNK_NAME_BYTES) ||
	    !point_get_hex(o, "segment", r->segment, SEGMENT_ID_BYTES) ||
	    !point_get_u64(o, "epoch", EPOCHS_MAX, &epoch) || !epoch ||
	    !point_get_u64(o, "offset", SEGMENT_STORED_MAX, &off) ||
	    !point_get_u64(o, "length", CHUNK_MAX + GCM_TAG_BYTES, &len) || len <= GCM_TAG_BYTES ||
	    off + len > SEGMENT_STORED_MAX || !point_get_u64(o, "number", SEGMENT_CHUNKS_MAX - 1, &number))
		return false;
	r->epoch = (uint16_t)epoch;
	r->off = (uint32_t)off;
	r->len = (uint32_t)len;
	r->number = (uint32_t)number;
	r->kind = CHUNK_ZSTD;
	return true;
}

static uint8_t *put_ref(uint8_t *p, const struct chunk_ref *r)
{
	memcpy(p, r->name, CHUNK_NAME_BYTES);
	memcpy(p + 16, r->segment, SEGMENT_ID_BYTES);
	put_le16(p + 40, r->epoch);
	put_le32(p + 42, r->off);
	put_le32(p + 46, r->len);
	put_le32(p + 50, r->number);
	p[54] = r->kind;
	memcpy(p + 55, r->base, CHUNK_NAME_BYTES);
	return p + OPENING_REF_BYTES;
}

static const uint8_t *get_ref(const uint8_t *p, struct chunk_ref *r)
{
	memcpy(r->name, p, CHUNK_NAME_BYTES);
	memcpy(r->segment, p + 16, SEGMENT_ID_BYTES);
	r->epoch = le16(p + 40);
	r->off = le32(p + 42);
	r->len = le32(p + 46);
	r->number = le32(p + 50);
	r->kind = p[54];
	memcpy(r->base, p + 55, CHUNK_NAME_BYTES);
	return p + OPENING_REF_BYTES;
}

static bool ref_ok(const struct chunk_ref *r)
{
	return r->epoch && r->epoch <= EPOCHS_MAX && r->len > GCM_TAG_BYTES &&
	       r->len <= CHUNK_MAX + GCM_TAG_BYTES && range_fits(r->off, r->len, SEGMENT_STORED_MAX) &&
	       r->number < SEGMENT_CHUNKS_MAX;
}

/* A whole chunk alone, or a PATCH and its whole base. */
static bool row_ok(const struct opening_row *row)
{
	const struct chunk_ref *r = &row->entry.ref, *base = &row->entry.base;

	if (r->kind == CHUNK_RAW || r->kind == CHUNK_ZSTD)
		return ref_ok(r) && is_zero(r->base, CHUNK_NAME_BYTES);
	return r->kind == CHUNK_PATCH && ref_ok(r) && ref_ok(base) &&
	       (base->kind == CHUNK_RAW || base->kind == CHUNK_ZSTD) &&
	       !memcmp(r->base, base->name, CHUNK_NAME_BYTES);
}

static struct jval *opening_to_jval(const struct point_disk *d)
{
	AUTO(jval_free) struct jval *a = jval_array();
	int rc = a ? 0 : -ENOMEM;

	for (size_t i = 0; i < d->n_opening && !rc; i++) {
		uint8_t row[OPENING_ROW_BYTES];
		char text[2 * OPENING_ROW_BYTES + 1];

		put_le64(row, d->opening[i].chunk);
		put_ref(put_ref(row + 8, &d->opening[i].entry.ref), &d->opening[i].entry.base);
		hex_encode(row, sizeof(row), text);
		rc = jval_append(a, jval_new_text(text));
	}
	return rc ? NULL : TAKE(a);
}

static bool opening_from_jval(const struct jval *a, struct point_disk *d)
{
	size_t n = jval_len(a);

	if (!a)
		return true;
	if (!jval_is_array(a) || n > OPENING_ROWS_MAX)
		return false;
	d->opening = calloc(n ? n : 1, sizeof(*d->opening));
	for (size_t i = 0; d->opening && i < n; i++) {
		struct opening_row *row = &d->opening[i];
		const char *text = jval_text(jval_at(a, i));
		uint8_t bytes[OPENING_ROW_BYTES];

		if (!point_hex_text_ok(text, 2 * sizeof(bytes)) || hex_decode(text, bytes, sizeof(bytes)) < 0)
			return false;
		row->chunk = le64(bytes);
		get_ref(get_ref(bytes + 8, &row->entry.ref), &row->entry.base);
		if (!row_ok(row) || row->chunk >= point_disk_chunks(d) || (i && row[-1].chunk >= row->chunk))
			return false;
		d->n_opening = i + 1;
	}
	return d->opening != NULL;
}

static struct jval *zeros_to_jval(const struct point_disk *d)
{
	AUTO(jval_free) struct jval *a = jval_array();
	int rc = a ? 0 : -ENOMEM;

	for (size_t i = 0; i < d->n_opening_zeros && !rc; i++) {
		char text[24];

		snprintf(text, sizeof(text), "%llu", (unsigned long long)d->opening_zeros[i]);
		rc = jval_append(a, jval_new_text(text));
	}
	return rc ? NULL : TAKE(a);
}

static bool zeros_from_jval(const struct jval *a, struct point_disk *d)
{
	size_t n = jval_len(a);

	if (!a)
		return true;
	if (!jval_is_array(a) || n > OPENING_ROWS_MAX)
		return false;
	d->opening_zeros = calloc(n ? n : 1, sizeof(*d->opening_zeros));
	for (size_t i = 0; d->opening_zeros && i < n; i++) {
		uint64_t *z = &d->opening_zeros[i];

		if (!jval_text(jval_at(a, i)) || !jval_u64(jval_at(a, i), z) || *z >= point_disk_chunks(d) ||
		    (i && z[-1] >= *z))
			return false;
		d->n_opening_zeros = i + 1;
	}
	return d->opening_zeros != NULL;
}

static struct jval *page_to_jval(const struct point_disk *d)
{
	AUTO(free) char *text = malloc(2 * (size_t)d->top.len + 1);

	if (!text)
		return NULL;
	hex_encode(d->top_page, d->top.len, text);
	return jval_new_text(text);
}

/* Whether it is the page that `top` names shows when it is opened. */
static bool page_from_jval(const struct jval *v, struct point_disk *d)
{
	const char *text = jval_text(v);

	if (!v)
		return true;
	if (!d->has_top || !point_hex_text_ok(text, 2 * (size_t)d->top.len))
		return false;
	d->top_page = malloc(d->top.len);
	return d->top_page && hex_decode(text, d->top_page, d->top.len) == 0;
}

struct jval *point_disk_to_jval(const struct point_disk *d, bool top_page)
{
	AUTO(jval_free) struct jval *o = jval_object();
	int rc = jval_set_text(o, "name", d->name);

	rc = rc ? rc : jval_set_u64_text(o, "size", d->size);
	rc = rc ? rc : jval_set_bool(o, "vhd", d->vhd);
	rc = rc ? rc : jval_set_u64_text(o, "chunk_size", d->chunk_size);
	rc = rc ? rc : jval_set_u64_text(o, "levels", d->levels);
	rc = rc ? rc : jval_set_text(o, "source", d->source);
	if (!rc && d->source_version[0])
		rc = jval_set_text(o, "source_version", d->source_version);
	rc = rc ? rc : jval_set_u64_text(o, "stored_bytes", d->stored_bytes);
	rc = rc ? rc : jval_set_u64_text(o, "new_bytes", d->new_bytes);
	if (!rc && d->has_top)
		rc = jval_set(o, "top", top_to_jval(&d->top));
	if (!rc && d->info)
		rc = jval_set(o, "info", jval_ref(d->info));
	if (!rc && d->n_opening)
		rc = jval_set(o, "opening", opening_to_jval(d));
	if (!rc && d->n_opening_zeros)
		rc = jval_set(o, "opening_zeros", zeros_to_jval(d));
	if (!rc && d->top_page && top_page)
		rc = jval_set(o, "top_page", page_to_jval(d));
	return rc ? NULL : TAKE(o);
}

bool point_disk_from_jval(const struct jval *o, struct point_disk *d)
{
	uint64_t chunk, levels;
	struct jval *top = jval_get(o, "top"), *info = jval_get(o, "info");

	if (!point_get_text(o, "name", d->name, sizeof(d->name)) || !point_name_ok(d->name) ||
	    !point_get_u64(o, "size", POINT_DISK_MAX, &d->size) || !d->size ||
	    !point_get_u64(o, "chunk_size", CHUNK_MAX, &chunk) || chunk < CHUNK_MIN ||
	    !is_power_of_two(chunk) || !point_get_u64(o, "levels", MAP_LEVELS_MAX, &levels) ||
	    !point_get_text(o, "source", d->source, sizeof(d->source)) ||
	    !point_get_u64(o, "stored_bytes", UINT64_MAX, &d->stored_bytes) ||
	    !point_get_u64(o, "new_bytes", UINT64_MAX, &d->new_bytes) || (info && !jval_is_object(info)))
		return false;
	if (jval_get(o, "source_version") &&
	    !point_get_text(o, "source_version", d->source_version, sizeof(d->source_version)))
		return false;
	d->vhd = jval_bool(jval_get(o, "vhd"), false);
	d->chunk_size = (uint32_t)chunk;
	d->levels = (unsigned)levels;
	d->has_top = top != NULL;
	if (d->levels != map_levels(point_disk_chunks(d)) || (top && !top_from_jval(top, &d->top)))
		return false;
	d->info = info ? jval_ref(info) : NULL;
	return opening_from_jval(jval_get(o, "opening"), d) && zeros_from_jval(jval_get(o, "opening_zeros"), d) &&
	       page_from_jval(jval_get(o, "top_page"), d);
}
