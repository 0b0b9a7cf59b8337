/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key capsule: what a recovery point keeps of its disks' keys, so that the
 * point opens when Key Vault has lost them, and can be put back there.
 * The keys are sealed by the vault's own key, or only as a KEK wraps them:
 * then the KEK is needed as well, and a thief of the vault's key opens no disk.
 * Where slots of the vault are marked for capsules, the keys themselves are
 * sealed for these alone.  FORMAT.md, section "Capsule".
 */
#ifndef ADE_FS_VAULT_CAPSULE_H
#define ADE_FS_VAULT_CAPSULE_H

#include "fs/keys/bek_fetch.h"
#include "fs/keys/key_origin.h"
#include "fs/util/json_value.h"
#include "fs/vault/vault.h"

#define CAPSULE_KEYS_MAX 64u

struct capsule_making {
	const struct key_ring *ring;
	const char *point_id;
	enum capsule_mode mode;
	struct store *slots;		/* where slots marked for capsules may be; NULL: there are none */
	struct keystores *stores;	/* give backup blobs, where they may; NULL: none is asked */
};

/* Of the keys that opened a volume what the mode lets us keep.  *out NULL:
 * nothing.  0, -ENOMEM, -EIO, -EBADMSG (a slot's mark is forged). */
int capsule_make(const struct capsule_making *m, struct keyring *keys, struct jval **out, struct error *err);

/* Add the keys that the vault's key alone opens behind those that are there;
 * others are passed over.  capsule NULL: none.  Hostile input: -EBADMSG. */
int capsule_open(const struct key_ring *ring, const char *point_id, const struct jval *capsule,
		 struct keyring *to, struct error *err);

/* Does it hold a key that the vault's key opens by itself? */
bool capsule_has_plain(const struct jval *capsule);

/* Is it sealed for slots marked for capsules? */
bool capsule_is_for_slots(const struct jval *capsule);

/* What else may open a capsule's keys. */
struct capsule_opener {
	const struct key_ring *ring;
	const struct rsa_key *private_key;	/* that the vault was opened with; NULL: another kind */
	struct keystores *stores;		/* KEKs, also of slots; NULL: none at hand */
	struct audit *audit;			/* goes with them; NULL: none */
};

/* The wrapped ones, and those sealed for slots marked for capsules.  All are
 * tried.  0, or of the first that does not open: -ENOKEY (no store has its
 * KEK), -EKEYREJECTED, -EBADMSG, … with words. */
int capsule_unwrap(const struct capsule_opener *with, const char *point_id, const struct jval *capsule,
		   struct keyring *to, struct error *err);

/* What Key Vault held of each key, backup blobs included; o is lent.  Non-zero
 * stops and is returned.  Hostile input: -EBADMSG. */
typedef int capsule_origin_fn(void *arg, const char *name, const struct key_origin *o);
int capsule_each_origin(const struct jval *capsule, capsule_origin_fn *fn, void *arg, struct error *err);

/* Every key that it keeps, opened or not.  how: "vault key", "KEK", "capsule
 * slot"; kek: its URL, else "". */
struct capsule_key { const char *kind, *name, *guid, *how, *kek, *algorithm; };
typedef int capsule_key_fn(void *arg, const struct capsule_key *k);
int capsule_each_key(const struct jval *capsule, capsule_key_fn *fn, void *arg, struct error *err);

#endif
