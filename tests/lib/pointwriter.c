/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/pointwriter.h"
#include "fs/vault/pack.h"
#include "fs/vault/page.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/* Not assert(): its argument is needed. */
#define MUST(x) do { if (!(x)) { fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); abort(); } } while (0)

struct vault *test_vault(struct store *taken)
{
	AUTO(secret_free) struct secret *key = secret_new(32);
	struct slot_secret first = { .kind = SLOT_KEY_FILE, .bytes = key };
	struct vault_info want = { .name = "test", .chunk_size = CHUNK_DEFAULT };
	char id[SLOT_ID_TEXT];
	struct vault *v = NULL;

	memset(secret_data(key), 7, 32);
	MUST(vault_init(taken, &want, &first, id, &v, NULL) == 0);
	return v;
}

struct out {
	struct vault *v;
	enum segment_class class;
	uint8_t session[SESSION_ID_BYTES];
	uint32_t number;
	struct segment_writer *w;
};

static void out_close(struct out *o)
{
	if (o->w)
		MUST(segment_writer_put(o->w, vault_store(o->v), NULL) == 0);
	segment_writer_free(o->w);
	o->w = NULL;
}

static struct segment_writer *out_room(struct out *o, size_t size)
{
	if (o->w && !segment_writer_has_room(o->w, size))
		out_close(o);
	if (!o->w)
		o->w = segment_writer_new(vault_ring(o->v), o->class, o->session, o->number++, NULL);
	MUST(o->w);
	return o->w;
}

static void out_begin(struct out *o, struct vault *v, enum segment_class class)
{
	*o = (struct out){ .v = v, .class = class };
	MUST(getrandom(o->session, SESSION_ID_BYTES, 0) == SESSION_ID_BYTES);
}

static void write_chunk(struct out *o, struct packer *p, uint32_t size, const uint8_t *chunk,
			const struct map_entry *base, uint8_t *whole, struct map_entry *e)
{
	uint8_t name[CHUNK_NAME_BYTES];
	const struct chunk_ref *b = !base ? NULL : base->ref.kind == CHUNK_PATCH ? &base->base : &base->ref;
	struct packed k;

	memset(e, 0, sizeof(*e));
	MUST(packer_name(p, chunk, name) == 0);
	MUST(packer_pack(p, chunk, b ? whole : NULL, &k) == 0);
	if (k.kind == CHUNK_ZERO)
		return;
	if (k.kind == CHUNK_PATCH)
		e->base = *b;
	else
		memcpy(whole, chunk, size);
	MUST(segment_writer_add(out_room(o, size), k.kind, name, k.kind == CHUNK_PATCH ? b->name : NULL,
				k.payload, k.len, size, &e->ref) == 0);
}

void write_disk(struct vault *v, const uint8_t *data, uint64_t size, uint32_t chunk_size,
		const struct written *parent, struct written *out)
{
	uint64_t n = (size + chunk_size - 1) / chunk_size, padded = n * chunk_size;
	AUTO(free) uint64_t *number = calloc(n, sizeof(*number));
	uint8_t key[NAME_KEY_BYTES];
	struct packer *p;
	struct out o;

	MUST(number && vault_name_key(v, WRITTEN_VM_ID, key) == 0 && (p = packer_new(key, chunk_size, NULL)));
	*out = (struct written){ .data = calloc(1, padded), .whole = calloc(1, padded),
				 .entry = calloc(n, sizeof(*out->entry)), .chunks = n };
	MUST(out->data && out->whole && out->entry);
	memcpy(out->data, data, size);
	if (parent)
		memcpy(out->whole, parent->whole, padded);
	out_begin(&o, v, SEGMENT_DATA);
	for (uint64_t i = 0; i < n; i++) {
		uint64_t at = i * chunk_size;
		const struct map_entry *base = parent && parent->entry[i].ref.kind ? &parent->entry[i] : NULL;

		number[i] = i;
		if (parent && !memcmp(out->data + at, parent->data + at, chunk_size))
			out->entry[i] = parent->entry[i];
		else
			write_chunk(&o, p, chunk_size, out->data + at, base, out->whole + at, &out->entry[i]);
	}
	out_close(&o);
	packer_free(p);
	out->disk = (struct point_disk){ .name = "os", .size = size, .chunk_size = chunk_size,
					 .levels = map_levels(n) };
	write_map(v, n, chunk_size, number, out->entry, n, &out->disk.top);
	out->disk.has_top = out->disk.top.kind != CHUNK_ZERO;
}

void written_release(struct written *w)
{
	free(w->data);
	free(w->whole);
	free(w->entry);
}

const struct point written_nowhere = { .vm_id = WRITTEN_VM_ID };

struct point *write_point(struct vault *v, const struct point_disk *d, uint8_t session)
{
	struct point *p = point_new();
	struct point_disk *copy = p ? point_add_disk(p) : NULL;

	MUST(copy);
	*copy = *d;
	snprintf(p->vm, sizeof(p->vm), "web1");
	snprintf(p->vm_id, sizeof(p->vm_id), WRITTEN_VM_ID);
	snprintf(p->id, sizeof(p->id), "fedcba9876543210");
	memset(p->session, session, sizeof(p->session));
	p->time = p->store_time = 1795140000;
	p->number = 1;
	memset(p->refs_sha256, 'a', 64);
	MUST(point_put(v, p, NULL, NULL) == 0);
	return p;
}

/* One page of level over number[0 .. n), which all lie below it. */
static void write_page(struct out *o, const uint8_t *key, uint32_t chunk_size, unsigned level,
		       uint64_t first, const uint64_t *number, const struct map_entry *entry, size_t n,
		       struct map_entry *out)
{
	AUTO(free) struct map_entry *row = calloc(MAP_FANOUT, sizeof(*row));
	AUTO(free) void *page = NULL;
	uint64_t span = map_span(level);
	size_t len, i = 0, k;

	MUST(row);
	while (i < n) {
		uint64_t at = (number[i] - first) / span;

		for (k = i; k < n && (number[k] - first) / span == at; k++)
			;
		if (level)
			write_page(o, key, chunk_size, level - 1, first + at * span, number + i, entry + i,
				   k - i, &row[at]);
		else
			row[at] = entry[i];
		i = k;
	}
	memset(out, 0, sizeof(*out));
	MUST(map_page_build(level, chunk_size, first, row, MAP_FANOUT, &page, &len) == 0);
	if (page)
		MUST(page_add(out_room(o, MAP_PAGE_MAX), key, page, len, &out->ref) == 0);
}

void write_map(struct vault *v, uint64_t chunks, uint32_t chunk_size, const uint64_t *number,
	       const struct map_entry *entry, size_t n, struct chunk_ref *top)
{
	uint8_t key[PAGE_KEY_BYTES];
	struct map_entry e;
	struct out o;

	MUST(page_key(vault_ring(v), key) == 0);
	out_begin(&o, v, SEGMENT_MAP);
	write_page(&o, key, chunk_size, map_levels(chunks) - 1, 0, number, entry, n, &e);
	out_close(&o);
	*top = e.ref;
}
