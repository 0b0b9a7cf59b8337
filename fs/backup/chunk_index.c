/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/backup/chunk_index.h"
#include "crypto/bytes.h"

#include <pthread.h>
#include <string.h>

#define FIRST_ROOM 4096u

struct row {				/* len 0: empty */
	struct chunk_ref ref;
	uint32_t chunk_size;
};

struct chunk_index {
	pthread_mutex_t lock;
	struct row *table;		/* open addressing, at most half full */
	size_t room, n;			/* room: a power of two */
};

struct chunk_index *chunk_index_new(void)
{
	struct chunk_index *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->room = FIRST_ROOM;
	x->table = calloc(x->room, sizeof(*x->table));
	if (!x->table) {
		free(x);
		return NULL;
	}
	pthread_mutex_init(&x->lock, NULL);
	return x;
}

void chunk_index_free(struct chunk_index *x)
{
	if (!x)
		return;
	pthread_mutex_destroy(&x->lock);
	free(x->table);
	free(x);
}

/* Names are MACs: any of their bytes is a hash.  base: zeros for a whole chunk. */
static struct row *find(struct row *table, size_t room, const uint8_t *name, const uint8_t *base,
			uint32_t chunk_size)
{
	size_t i = le64(name) & (room - 1);

	while (table[i].ref.len && (table[i].chunk_size != chunk_size ||
				    memcmp(table[i].ref.name, name, CHUNK_NAME_BYTES) ||
				    memcmp(table[i].ref.base, base, CHUNK_NAME_BYTES)))
		i = (i + 1) & (room - 1);
	return &table[i];
}

static bool grow(struct chunk_index *x)
{
	size_t room = x->room * 2;
	struct row *table = room <= 2 * CHUNK_INDEX_MAX ? calloc(room, sizeof(*table)) : NULL;

	if (!table)
		return false;
	for (size_t i = 0; i < x->room; i++)
		if (x->table[i].ref.len)
			*find(table, room, x->table[i].ref.name, x->table[i].ref.base,
			      x->table[i].chunk_size) = x->table[i];
	free(x->table);
	x->table = table;
	x->room = room;
	return true;
}

void chunk_index_add(struct chunk_index *x, const struct chunk_ref *ref, uint32_t chunk_size)
{
	struct row *row;

	pthread_mutex_lock(&x->lock);
	if (x->n * 2 < x->room || grow(x)) {
		row = find(x->table, x->room, ref->name, ref->base, chunk_size);
		x->n += row->ref.len == 0;
		row->ref = *ref;
		row->chunk_size = chunk_size;
	}
	pthread_mutex_unlock(&x->lock);
}

bool chunk_index_find(struct chunk_index *x, const uint8_t name[CHUNK_NAME_BYTES], const uint8_t *base,
		      uint32_t chunk_size, struct chunk_ref *out)
{
	static const uint8_t none[CHUNK_NAME_BYTES];
	const struct row *row;

	pthread_mutex_lock(&x->lock);
	row = find(x->table, x->room, name, base ? base : none, chunk_size);
	*out = row->ref;
	pthread_mutex_unlock(&x->lock);
	return out->len != 0;
}
