/* SPDX-License-Identifier: Apache-2.0 */
/* Stored objects whose checksum was made right again: headers, clear bodies, broken seals. */
#include "crypto/bytes.h"
#include "crypto/hash.h"
#include "fs/vault/object.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct key_ring *ring;

static void make_ring(void)
{
	static const uint8_t id[VAULT_ID_BYTES] = { 1 };
	AUTO(secret_free) struct secret *bytes = secret_new(MASTER_KEY_BYTES);

	ring = bytes ? key_ring_load(id, bytes, NULL) : NULL;
	if (!ring)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(free) uint8_t *o = malloc(size + 1);
	AUTO(free) void *text = NULL;
	struct object_info info;
	size_t len = 0;
	int rc;

	if (!ring)
		make_ring();
	if (!o || size < OBJECT_HEADER_BYTES + SHA256_BYTES)
		return 0;
	memcpy(o, data, size);
	sha256(o, size - SHA256_BYTES, o + size - SHA256_BYTES);
	rc = object_check(o, size, &info, NULL);
	if (rc < 0)
		return 0;
	rc = object_open(ring, (enum object_type)info.type, "log/1", o, size, &text, &len, NULL);
	if (rc == 0 && (!text || len > OBJECT_TEXT_MAX))
		abort();
	return 0;
}
