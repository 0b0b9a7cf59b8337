/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/segment_keys.h"
#include "crypto/bytes.h"
#include "crypto/secret.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 256u

struct slot {
	uint8_t id[SEGMENT_ID_BYTES], key[GCM_KEY_BYTES];
	unsigned epoch;
	bool taken;
};

struct segment_keys {
	pthread_mutex_t lock;		/* guards what memory holds */
	struct secret *memory;		/* SLOTS of them */
};

struct segment_keys *segment_keys_new(void)
{
	struct segment_keys *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->memory = secret_new(SLOTS * sizeof(struct slot));
	if (!k->memory) {
		free(k);
		return NULL;
	}
	pthread_mutex_init(&k->lock, NULL);
	return k;
}

void segment_keys_free(struct segment_keys *k)
{
	if (!k)
		return;
	secret_free(k->memory);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

/* The number in the id tells the segments of one backup apart, its beginning the backups. */
static struct slot *slot_of(struct segment_keys *k, const uint8_t *id)
{
	struct slot *all = (struct slot *)(void *)secret_data(k->memory);

	return &all[(le32(id) + le32(id + SESSION_ID_BYTES)) % SLOTS];
}

bool segment_keys_get(struct segment_keys *k, unsigned epoch, const uint8_t id[SEGMENT_ID_BYTES],
		      uint8_t key[GCM_KEY_BYTES])
{
	const struct slot *s = slot_of(k, id);
	bool found;

	pthread_mutex_lock(&k->lock);
	found = s->taken && s->epoch == epoch && !memcmp(s->id, id, SEGMENT_ID_BYTES);
	if (found)
		memcpy(key, s->key, GCM_KEY_BYTES);
	pthread_mutex_unlock(&k->lock);
	return found;
}

void segment_keys_put(struct segment_keys *k, unsigned epoch, const uint8_t id[SEGMENT_ID_BYTES],
		      const uint8_t key[GCM_KEY_BYTES])
{
	struct slot *s = slot_of(k, id);

	pthread_mutex_lock(&k->lock);
	memcpy(s->id, id, SEGMENT_ID_BYTES);
	memcpy(s->key, key, GCM_KEY_BYTES);
	s->epoch = epoch;
	s->taken = true;
	pthread_mutex_unlock(&k->lock);
}
