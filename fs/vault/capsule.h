/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key capsule: what a recovery point keeps of its disks' keys, sealed by
 * the vault's own key, so that the point opens when Key Vault has lost them.
 * Either the keys themselves, or only as a KEK wraps them: then the KEK is
 * needed as well, and a thief of the vault's key opens no disk.
 * FORMAT.md, section "Capsule".
 */
#ifndef ADE_FS_VAULT_CAPSULE_H
#define ADE_FS_VAULT_CAPSULE_H

#include "fs/keys/bek_fetch.h"
#include "fs/util/json_value.h"
#include "fs/vault/vault.h"

#define CAPSULE_KEYS_MAX 64u

/* Of the keys that opened a volume what the mode lets us keep.  *out NULL:
 * nothing.  0, -ENOMEM, -EIO. */
int capsule_make(const struct key_ring *ring, enum capsule_mode mode, const char *point_id,
		 struct keyring *keys, struct jval **out, struct error *err);

/* Add the capsule's keys behind those that are there; wrapped ones are passed
 * over.  capsule NULL: none.  Hostile input: -EBADMSG. */
int capsule_open(const struct key_ring *ring, const char *point_id, const struct jval *capsule,
		 struct keyring *to, struct error *err);

/* Does it hold a key that opens without a KEK? */
bool capsule_has_plain(const struct jval *capsule);

/* The wrapped ones, by the KEKs in the stores (NULL: none at hand).  All are
 * tried.  0, or of the first that does not open: -ENOKEY (no store has its
 * KEK), -EKEYREJECTED, -EBADMSG, … with words. */
int capsule_unwrap(const struct key_ring *ring, const char *point_id, const struct jval *capsule,
		   struct keystores *stores, struct audit *audit, struct keyring *to, struct error *err);

#endif
