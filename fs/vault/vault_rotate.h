/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new master key for a vault: what is written from then on is sealed in a
 * new epoch.  FORMAT.md, sections "Keys" and "Slots".
 */
#ifndef ADE_FS_VAULT_VAULT_ROTATE_H
#define ADE_FS_VAULT_VAULT_ROTATE_H

#include "fs/vault/vault.h"

/* Add a master key to the ring and seal the ring for each of the secrets (RSA:
 * the public half will do) and for the slots that keep a public half which the
 * vault vouches for; the old slots go when all new ones stand.  A slot
 * that no secret is for would open nothing new: -EBUSY then, and nothing is
 * done.  v itself stays with its ring.  *epoch: the new key's number. */
int vault_rotate(struct vault *v, const struct slot_secret *secrets, size_t n, unsigned *epoch,
		 struct error *err);

#endif
