/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/map.h"
#include "crypto/bytes.h"

#include <errno.h>
#include <string.h>

#define HEADER 32u
#define ROW 32u
#define MAGIC "ADPG"
#define VERSION 1u
#define NO_BASE 0xffffu

struct map_page {
	unsigned level, entries, segments, bases;
	uint32_t chunk_size;
	uint64_t first;
	uint8_t bytes[];
};

uint64_t map_span(unsigned level)
{
	uint64_t span = 1;

	while (level--)
		span *= MAP_FANOUT;
	return span;
}

unsigned map_levels(uint64_t n_chunks)
{
	unsigned levels = 1;

	while (levels < MAP_LEVELS_MAX && n_chunks > map_span(levels))
		levels++;
	return levels;
}

void map_page_free(struct map_page *p)
{
	free(p);
}

unsigned map_page_level(const struct map_page *p)
{
	return p->level;
}

unsigned map_page_entries(const struct map_page *p)
{
	return p->entries;
}

uint32_t map_page_chunk_size(const struct map_page *p)
{
	return p->chunk_size;
}

uint64_t map_page_first(const struct map_page *p)
{
	return p->first;
}

static const uint8_t *entry_row(const struct map_page *p, unsigned i)
{
	return p->bytes + HEADER + (size_t)i * ROW;
}

static const uint8_t *segment_row(const struct map_page *p, unsigned i)
{
	return entry_row(p, p->entries + i);
}

static const uint8_t *base_row(const struct map_page *p, unsigned i)
{
	return segment_row(p, p->segments + i);
}

static bool location_fits(const struct map_page *p, const uint8_t *row)
{
	uint32_t off = le32(row + 16), len = le32(row + 20);

	return le16(row + 24) < p->segments && len > 16 && len <= CHUNK_MAX + 16 &&
	       off <= SEGMENT_STORED_MAX - len;
}

static bool entry_fits(const struct map_page *p, const uint8_t *row)
{
	uint8_t kind = row[30];
	uint16_t base = le16(row + 28);

	if (kind == CHUNK_ZERO)
		return true;
	if (kind > CHUNK_PATCH || (p->level && kind != CHUNK_ZSTD) || !location_fits(p, row))
		return false;
	return kind == CHUNK_PATCH ? base < p->bases : base == NO_BASE;
}

static bool rows_fit(const struct map_page *p)
{
	for (unsigned i = 0; i < p->entries; i++)
		if (!entry_fits(p, entry_row(p, i)))
			return false;
	for (unsigned i = 0; i < p->bases; i++) {
		const uint8_t *row = base_row(p, i);

		if (!location_fits(p, row) || (row[28] != CHUNK_RAW && row[28] != CHUNK_ZSTD))
			return false;
	}
	return true;
}

struct map_page *map_page_parse(const void *bytes, size_t len, struct error *err)
{
	AUTO(map_page_free) struct map_page *p = NULL;
	const uint8_t *h = bytes;

	if (len < HEADER || len > MAP_PAGE_MAX || memcmp(h, MAGIC, 4) || h[4] != VERSION)
		return error_null(err, EBADMSG, "damaged map page: it does not begin as one");
	p = malloc(sizeof(*p) + len);
	if (!p)
		return error_null(err, ENOMEM, "out of memory");
	p->level = h[5];
	p->entries = le16(h + 6);
	p->segments = le16(h + 8);
	p->bases = le16(h + 10);
	p->chunk_size = le32(h + 12);
	p->first = le64(h + 24);
	memcpy(p->bytes, bytes, len);
	if (p->level >= MAP_LEVELS_MAX || p->entries > MAP_FANOUT || p->segments > 2 * MAP_FANOUT ||
	    p->bases > MAP_FANOUT || !is_power_of_two(p->chunk_size) || p->chunk_size < CHUNK_MIN ||
	    p->chunk_size > CHUNK_MAX || p->first % map_span(p->level + 1) ||
	    HEADER + ((size_t)p->entries + p->segments + p->bases) * ROW != len || !rows_fit(p))
		return error_null(err, EBADMSG, "damaged map page: its rows make no sense");
	return TAKE(p);
}

static void take_location(const struct map_page *p, const uint8_t *row, struct chunk_ref *ref)
{
	const uint8_t *segment = segment_row(p, le16(row + 24));

	memset(ref, 0, sizeof(*ref));
	memcpy(ref->name, row, CHUNK_NAME_BYTES);
	memcpy(ref->segment, segment, SEGMENT_ID_BYTES);
	ref->epoch = le16(segment + SEGMENT_ID_BYTES);
	ref->off = le32(row + 16);
	ref->len = le32(row + 20);
	ref->number = le16(row + 26);
}

void map_page_entry(const struct map_page *p, unsigned i, struct map_entry *out)
{
	const uint8_t *row, *base;

	if (i >= p->entries || entry_row(p, i)[30] == CHUNK_ZERO) {
		memset(out, 0, sizeof(*out));
		return;
	}
	row = entry_row(p, i);
	take_location(p, row, &out->ref);
	out->ref.kind = row[30];
	if (out->ref.kind != CHUNK_PATCH) {
		memset(&out->base, 0, sizeof(out->base));
		return;
	}
	base = base_row(p, le16(row + 28));
	take_location(p, base, &out->base);
	out->base.kind = base[28];
	memcpy(out->ref.base, out->base.name, CHUNK_NAME_BYTES);
}

/* Ids of the segments that a page names, each once, in order of first use. */
struct segment_list {
	uint8_t row[2 * MAP_FANOUT][ROW];
	unsigned n;
};

static unsigned segment_index(struct segment_list *l, const struct chunk_ref *ref)
{
	/* Neighbours mostly share a segment: look from the newest. */
	for (unsigned i = l->n; i-- > 0;)
		if (!memcmp(l->row[i], ref->segment, SEGMENT_ID_BYTES) &&
		    le16(l->row[i] + SEGMENT_ID_BYTES) == ref->epoch)
			return i;
	memset(l->row[l->n], 0, ROW);
	memcpy(l->row[l->n], ref->segment, SEGMENT_ID_BYTES);
	put_le16(l->row[l->n] + SEGMENT_ID_BYTES, ref->epoch);
	return l->n++;
}

static void put_location(struct segment_list *l, const struct chunk_ref *ref, uint8_t *row)
{
	memset(row, 0, ROW);
	memcpy(row, ref->name, CHUNK_NAME_BYTES);
	put_le32(row + 16, ref->off);
	put_le32(row + 20, ref->len);
	put_le16(row + 24, (uint16_t)segment_index(l, ref));
	put_le16(row + 26, (uint16_t)ref->number);
}

static unsigned count_entries(const struct map_entry *e, unsigned n)
{
	while (n && e[n - 1].ref.kind == CHUNK_ZERO)
		n--;
	return n;
}

int map_page_build(unsigned level, uint32_t chunk_size, uint64_t first_chunk,
		   const struct map_entry *entries, unsigned n, void **out, size_t *len)
{
	AUTO(free) struct segment_list *l = calloc(1, sizeof(*l));
	AUTO(free) uint8_t *page = calloc(1, MAP_PAGE_MAX), *bases = calloc(MAP_FANOUT, ROW);
	unsigned used = count_entries(entries, n), n_bases = 0;
	uint8_t *at;

	*out = NULL;
	*len = 0;
	if (!l || !page || !bases)
		return -ENOMEM;
	if (!used)
		return 0;
	for (unsigned i = 0; i < used; i++) {
		uint8_t *row = page + HEADER + (size_t)i * ROW;
		uint8_t kind = entries[i].ref.kind;

		if (kind == CHUNK_ZERO)
			continue;
		put_location(l, &entries[i].ref, row);
		row[30] = kind;
		put_le16(row + 28, NO_BASE);
		if (kind == CHUNK_PATCH) {
			put_location(l, &entries[i].base, bases + (size_t)n_bases * ROW);
			bases[(size_t)n_bases * ROW + 28] = entries[i].base.kind;
			put_le16(row + 28, (uint16_t)n_bases++);
		}
	}
	memcpy(page, MAGIC, 4);
	page[4] = VERSION;
	page[5] = (uint8_t)level;
	put_le16(page + 6, (uint16_t)used);
	put_le16(page + 8, (uint16_t)l->n);
	put_le16(page + 10, (uint16_t)n_bases);
	put_le32(page + 12, chunk_size);
	put_le64(page + 24, first_chunk);
	at = page + HEADER + (size_t)used * ROW;
	memcpy(at, l->row, (size_t)l->n * ROW);
	at += (size_t)l->n * ROW;
	memcpy(at, bases, (size_t)n_bases * ROW);
	*len = (size_t)(at - page) + (size_t)n_bases * ROW;
	*out = TAKE(page);
	return 0;
}
