/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key slots: each seals the vault's key ring for one way of opening it (a key
 * file, a passphrase, an RSA key of one's own or of a Key Vault).  FORMAT.md, section "Slots".
 */
#ifndef ADE_FS_VAULT_SLOT_H
#define ADE_FS_VAULT_SLOT_H

#include "fs/store/store.h"
#include "fs/vault/keys.h"

/* SLOT_KEK is an rsa slot whose private half is in a Key Vault. */
enum slot_kind { SLOT_KEY_FILE, SLOT_PASSPHRASE, SLOT_RSA, SLOT_KEK };

struct keystores;
struct audit;

/* What the user has.  bytes: the key file's 32 bytes, the passphrase, or the
 * RSA private key in PEM (to open) / the public key in PEM (to make a slot).
 * SLOT_KEK is made from the public key and its URL, and opened by the stores. */
struct slot_secret {
	enum slot_kind kind;
	const struct secret *bytes;
	const char *kek_url;		/* SLOT_KEK, to make a slot */
	bool for_capsules;		/* RSA and KEK, to make a slot: disks' keys are sealed for it alone */
	struct keystores *stores;	/* SLOT_KEK, to open: these unwrap; borrowed */
	struct audit *audit;		/* goes with stores; NULL: none */
};

#define SLOT_ID_TEXT 33u

/* Make a slot for the ring.  0 and its id, or -errno with words. */
int slot_put(struct store *st, const struct key_ring *ring, const struct slot_secret *s,
	     const char *label, char id[SLOT_ID_TEXT], struct error *err);

/* Open the ring with it.  -EKEYREJECTED: no slot is for that key;
 * -EBADMSG: the slot is damaged. */
int slot_open(struct store *st, const uint8_t vault_id[VAULT_ID_BYTES], const struct slot_secret *s,
	      struct key_ring **ring, struct error *err);

/* Tell the store that slot_open() will be called.  A passphrase tells no name:
 * all slots are listed then. */
void slot_expect(struct store *st, const struct slot_secret *s);

/* Is the slot of that id for this secret (RSA: either half)?  A passphrase is
 * tried.  0, -EKEYREJECTED (another's, no words), or -errno with words. */
int slot_matches(struct store *st, const uint8_t vault_id[VAULT_ID_BYTES], const char *id,
		 const struct slot_secret *s, struct error *err);
/* Remove that id's slots for rings of fewer than `epoch` keys; 0: all of them. */
int slot_remove(struct store *st, const char *id, unsigned epoch, struct error *err);

struct slot_info {
	char id[SLOT_ID_TEXT];
	enum slot_kind kind;
	unsigned epoch;			/* the newest master key that it opens */
	char label[128];
	char kek_url[512];		/* SLOT_KEK */
	bool for_capsules;
};
typedef int slot_fn(void *arg, const struct slot_info *info);
/* Once for each id, with its newest epoch.  A damaged slot does not hide the
 * others: all are told, then the error is returned. */
int slot_list(struct store *st, slot_fn *fn, void *arg, struct error *err);
const char *slot_kind_name(enum slot_kind kind);

/* Key files: "adebackup vault key 1\n" and 64 hex digits, or what
 * slot_paper_print() gave, typed.  Read into a secret of 32 bytes (path also
 * "-" or "fd:N"; -EINVAL: no such file), or make one (0600; -EEXIST when it is
 * there). */
int slot_key_file_read(const char *path, struct secret **out, struct error *err);
int slot_key_file_make(const char *path, struct secret **out, struct error *err);

#endif
