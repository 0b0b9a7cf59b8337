/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public halves that RSA slots keep, so that the ring of a new epoch and
 * the keys of a point can be sealed for their owners while their private
 * halves are elsewhere.  Each is vouched for by the vault's own key: who can
 * only write the store cannot put one there.  FORMAT.md, section "Slots".
 */
#ifndef ADE_FS_VAULT_SLOT_PUBLIC_H
#define ADE_FS_VAULT_SLOT_PUBLIC_H

#include "crypto/keywrap.h"
#include "fs/vault/slot_text.h"

/* Over everything that the slot says of its public half.  0 or -errno. */
int slot_voucher(const struct slot_text *t, const struct key_ring *ring, uint8_t out[SHA256_BYTES]);

/* key: borrowed, as t is.  Non-zero stops and is returned. */
typedef int slot_public_fn(void *arg, const struct slot_text *t, const struct rsa_key *key, struct error *err);

/* Each slot of the ring's newest epoch that keeps a public half.  One that is
 * damaged or not vouched for: -EBADMSG with words, since leaving it out could
 * mean to seal for fewer than was ordered. */
int slot_each_public(struct store *st, const struct key_ring *ring, slot_public_fn *fn, void *arg,
		     struct error *err);

#endif
