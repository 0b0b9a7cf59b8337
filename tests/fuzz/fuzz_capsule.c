/* SPDX-License-Identifier: Apache-2.0 */
/* A capsule as a manifest holds it: whoever has the vault's key could have written anything. */
#include "fs/vault/capsule.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct key_ring *ring;

static int same_origin(void *arg, const char *name, const struct key_origin *o)
{
	AUTO(jval_free) struct jval *row = key_origin_print(o, name);
	AUTO(key_origin_free) struct key_origin *back = row ? key_origin_parse(row, NULL) : NULL;

	(void)arg;
	if (!back || strcmp(back->secret_url, o->secret_url) || back->wrapped != o->wrapped)
		abort();
	return 0;
}

static int seen(void *arg, const struct capsule_key *k)
{
	*(size_t *)arg += strlen(k->kind) + strlen(k->name) + strlen(k->guid) + strlen(k->kek) + strlen(k->algorithm);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t vault_id[VAULT_ID_BYTES] = { 1 };
	AUTO(jval_free) struct jval *capsule = jval_parse(data, size, NULL);
	AUTO(keyring_free) struct keyring *keys = keyring_new();
	struct capsule_opener with;
	size_t bytes = 0;

	ring = ring ? ring : key_ring_new(vault_id, NULL);
	with = (struct capsule_opener){ .ring = ring };
	if (!capsule || !keys || !ring)
		return 0;
	capsule_open(ring, "0123456789abcdef", capsule, keys, NULL);
	capsule_unwrap(&with, "0123456789abcdef", capsule, keys, NULL);
	capsule_each_key(capsule, seen, &bytes, NULL);
	capsule_each_origin(capsule, same_origin, NULL, NULL);
	capsule_has_plain(capsule);
	if (keyring_count(keys))
		abort();		/* nothing was ever sealed with this ring */
	return 0;
}
