/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/keys.h"
#include "crypto/kdf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

struct key_ring {
	uint8_t vault_id[VAULT_ID_BYTES];
	struct secret *bytes;		/* M[1], M[2], … */
};

void key_ring_free(struct key_ring *r)
{
	if (!r)
		return;
	secret_free(r->bytes);
	free(r);
}

struct key_ring *key_ring_load(const uint8_t vault_id[VAULT_ID_BYTES], const struct secret *bytes,
			       struct error *err)
{
	AUTO(key_ring_free) struct key_ring *r = NULL;
	size_t len = secret_len(bytes);

	if (!len || len % MASTER_KEY_BYTES || len / MASTER_KEY_BYTES > EPOCHS_MAX)
		return error_null(err, EBADMSG, "the vault's keys have a wrong length");
	r = calloc(1, sizeof(*r));
	if (!r)
		return error_null(err, ENOMEM, "out of memory");
	memcpy(r->vault_id, vault_id, VAULT_ID_BYTES);
	r->bytes = secret_copy(secret_bytes(bytes), len);
	if (!r->bytes)
		return error_null(err, ENOMEM, "out of memory");
	return TAKE(r);
}

struct key_ring *key_ring_new(const uint8_t vault_id[VAULT_ID_BYTES], struct error *err)
{
	AUTO(secret_free) struct secret *m = secret_new(MASTER_KEY_BYTES);

	if (!m)
		return error_null(err, ENOMEM, "out of memory");
	if (getrandom(secret_data(m), MASTER_KEY_BYTES, 0) != MASTER_KEY_BYTES)
		return error_null(err, EIO, "the system gives no random numbers");
	return key_ring_load(vault_id, m, err);
}

struct key_ring *key_ring_grow(const struct key_ring *r, struct error *err)
{
	size_t len = secret_len(r->bytes);
	AUTO(secret_free) struct secret *more = NULL;

	if (key_ring_epoch(r) == EPOCHS_MAX)
		return error_null(err, E2BIG, "the vault has had %u keys, more are not provided for", EPOCHS_MAX);
	more = secret_new(len + MASTER_KEY_BYTES);
	if (!more)
		return error_null(err, ENOMEM, "out of memory");
	memcpy(secret_data(more), secret_bytes(r->bytes), len);
	if (getrandom(secret_data(more) + len, MASTER_KEY_BYTES, 0) != MASTER_KEY_BYTES)
		return error_null(err, EIO, "the system gives no random numbers");
	return key_ring_load(r->vault_id, more, err);
}

const struct secret *key_ring_bytes(const struct key_ring *r)
{
	return r->bytes;
}

const uint8_t *key_ring_vault_id(const struct key_ring *r)
{
	return r->vault_id;
}

unsigned key_ring_epoch(const struct key_ring *r)
{
	return (unsigned)(secret_len(r->bytes) / MASTER_KEY_BYTES);
}

int key_ring_derive(const struct key_ring *r, unsigned epoch, const char *use, uint8_t out[32])
{
	char info[128];

	if (!epoch || epoch > key_ring_epoch(r))
		return -EBADMSG;
	snprintf(info, sizeof(info), "adebackup 1 %s", use);
	return hkdf_sha256(secret_bytes(r->bytes) + (epoch - 1) * MASTER_KEY_BYTES, MASTER_KEY_BYTES,
			   r->vault_id, VAULT_ID_BYTES, info, strlen(info), out, 32);
}
