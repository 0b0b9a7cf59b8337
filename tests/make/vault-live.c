/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many sealed bytes the listed points of a vault refer to, each once:
 *	vault-live VAULT KEYFILE
 */
#include "fs/vault/map_reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct place { uint8_t segment[SEGMENT_ID_BYTES]; uint32_t number, len; };
struct places { struct place *row; size_t n, room; };

static int add(struct places *p, const struct chunk_ref *ref)
{
	if (ref->kind == CHUNK_ZERO)
		return 0;
	if (p->n == p->room) {
		p->room = p->room ? 2 * p->room : 4096;
		p->row = realloc(p->row, p->room * sizeof(*p->row));
		if (!p->row)
			abort();
	}
	memcpy(p->row[p->n].segment, ref->segment, SEGMENT_ID_BYTES);
	p->row[p->n].number = ref->number;
	p->row[p->n++].len = ref->len;
	return 0;
}

static int page(void *arg, const struct chunk_ref *ref, unsigned level, uint64_t first, const struct map_page *p, int rc)
{
	struct map_entry e;

	(void)first;
	if (rc == 1)
		return add(arg, ref), 1;
	if (!p)
		return rc;
	for (unsigned i = 0; !level && i < map_page_entries(p); i++) {
		map_page_entry(p, i, &e);
		add(arg, &e.ref);
		if (e.ref.kind == CHUNK_PATCH)
			add(arg, &e.base);
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct place));
}

static int walk_point(struct vault *v, const struct point_name *name, struct places *all, struct error *err)
{
	AUTO(point_free) struct point *p = NULL;
	int rc = point_read(v, name, &p, err);

	for (size_t i = 0; rc == 0 && i < p->n_disks; i++) {
		AUTO(map_reader_free) struct map_reader *m = map_reader_new(vault_store(v), vault_ring(v), &p->disk[i], err);

		rc = m ? map_reader_walk(m, page, all) : -1;
	}
	return rc;
}

int main(int argc, char **argv)
{
	AUTO(secret_free) struct secret *key = NULL;
	AUTO(vault_free) struct vault *v = NULL;
	AUTO(free) struct point_name *list = NULL;
	struct error err = ERROR_INIT;
	struct slot_secret s = { .kind = SLOT_KEY_FILE };
	struct places all = { .n = 0 };
	uint64_t live = 0;
	size_t n = 0;
	int rc;

	if (argc != 3)
		return 2;
	rc = slot_key_file_read(argv[2], &key, &err);
	s.bytes = key;
	if (rc == 0)
		v = vault_open(store_open(argv[1], false, &err), &s, &err);
	rc = v ? point_list(v, NULL, &list, &n, &err) : -1;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = walk_point(v, &list[i], &all, &err);
	if (rc < 0)
		fprintf(stderr, "vault-live: %s\n", err.text);
	if (all.n)
		qsort(all.row, all.n, sizeof(*all.row), compare);
	for (size_t i = 0; i < all.n; i++)
		if (!i || compare(&all.row[i - 1], &all.row[i]))
			live += all.row[i].len;
	free(all.row);
	printf("%" PRIu64 "\n", live);
	return rc < 0;
}
