/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key capsule: what a recovery point keeps of its disks' keys, sealed by
 * the vault's own key, so that the point opens when Key Vault has lost them.
 * FORMAT.md, section "Capsule".
 */
#ifndef ADE_FS_VAULT_CAPSULE_H
#define ADE_FS_VAULT_CAPSULE_H

#include "fs/keys/keyring.h"
#include "fs/util/json_value.h"
#include "fs/vault/keys.h"

#define CAPSULE_KEYS_MAX 64u

/* The keys that opened a volume.  *out NULL: none did.  0, -ENOMEM, -EIO. */
int capsule_make(const struct key_ring *ring, const char *point_id, struct keyring *keys,
		 struct jval **out, struct error *err);

/* Add the capsule's keys behind those that are there.  capsule NULL: none.
 * Hostile input: -EBADMSG. */
int capsule_open(const struct key_ring *ring, const char *point_id, const struct jval *capsule,
		 struct keyring *to, struct error *err);

#endif
