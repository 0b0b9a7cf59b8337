/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vault's ring of master keys and what is derived from it.
 * FORMAT.md, section "Keys".
 */
#ifndef ADE_FS_VAULT_KEYS_H
#define ADE_FS_VAULT_KEYS_H

#include "crypto/cleanup.h"
#include "crypto/error.h"
#include "crypto/secret.h"

#include <stddef.h>
#include <stdint.h>

#define MASTER_KEY_BYTES 32u
#define VAULT_ID_BYTES 16u
#define EPOCHS_MAX 1000u

/* Immutable once made; any number of threads. */
struct key_ring;

/* A ring of one fresh master key.  NULL: ENOMEM, EIO (no randomness). */
struct key_ring *key_ring_new(const uint8_t vault_id[VAULT_ID_BYTES], struct error *err);
/* From the ring's stored bytes: epochs * 32.  NULL: EBADMSG, ENOMEM. */
struct key_ring *key_ring_load(const uint8_t vault_id[VAULT_ID_BYTES], const struct secret *bytes,
			       struct error *err);
/* The same ring and one fresh master key more.  NULL: ENOMEM, EIO, E2BIG (EPOCHS_MAX). */
struct key_ring *key_ring_grow(const struct key_ring *r, struct error *err);
void key_ring_free(struct key_ring *r);

const struct secret *key_ring_bytes(const struct key_ring *r);	/* borrowed; to seal in a slot */
const uint8_t *key_ring_vault_id(const struct key_ring *r);
unsigned key_ring_epoch(const struct key_ring *r);		/* the newest, from 1 */

/* HKDF-SHA-256(M[epoch], salt = vault id, info = "adebackup 1 " + use), 32 bytes.
 * 0, -EBADMSG (no such epoch), -EIO. */
int key_ring_derive(const struct key_ring *r, unsigned epoch, const char *use, uint8_t out[32]);

DEFINE_CLEANUP(struct key_ring *, key_ring_free);

#endif
