/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key slot as it is stored: a clear object whose JSON body holds what is
 * needed to derive the slot's key, and the ring sealed with it.
 * FORMAT.md, section "Slots".
 */
#ifndef ADE_FS_VAULT_SLOT_TEXT_H
#define ADE_FS_VAULT_SLOT_TEXT_H

#include "crypto/hash.h"
#include "fs/vault/slot.h"

#define SLOT_SALT_BYTES 32u

struct slot_text {
	enum slot_kind kind;
	char id[SLOT_ID_TEXT];
	char label[128];			/* for people */
	unsigned epoch;				/* how many keys the ring has */
	uint8_t vault_id[VAULT_ID_BYTES];
	uint8_t salt[SLOT_SALT_BYTES];
	uint32_t passes, memory_kib, lanes;	/* passphrase: Argon2id's costs */
	uint8_t *wrapped;			/* rsa: the slot's key, owned */
	size_t wrapped_len;
	char *public_pem;			/* rsa: its public half, owned; NULL: not kept */
	char kek_url[512];			/* rsa: the key is this one of a Key Vault; else empty */
	bool for_capsules;			/* rsa: the keys of disks are sealed for it alone */
	uint8_t voucher[SHA256_BYTES];		/* rsa: slot_voucher(), where public_pem is kept */
	uint8_t commit[SHA256_BYTES];		/* HMAC-SHA-256(slot's key, "commit") */
	uint8_t *ring;				/* sealed ring and its tag, owned */
	size_t ring_len;
};

void slot_text_clear(struct slot_text *t);
static inline void slot_text_clear_cleanup(struct slot_text *t) { slot_text_clear(t); }

char *slot_text_print(const struct slot_text *t);	/* malloc'ed; NULL: no memory */
/* Hostile input; *out is to be cleared on success only.  0, -EBADMSG, -ENOMEM. */
int slot_text_parse(const void *text, size_t len, struct slot_text *out, struct error *err);

/* What the ring's seal also vouches for: every field but the seal and the commitment. */
void *slot_text_aad(const struct slot_text *t, size_t *len);	/* malloc'ed */

/* "slot/<id>", and "slot/<id>.<epoch>" from the second epoch on. */
void slot_object_name(const char *id, unsigned epoch, char *out, size_t size);

/* Every slot below the prefix.  fn's non-zero result and a slot that cannot be
 * read go to `failed`, which decides whether to go on (0). */
typedef int slot_text_fn(void *arg, const struct slot_text *t, struct error *err);
typedef int slot_failed_fn(void *arg, int rc, const struct error *why);
int slot_each(struct store *st, const char *prefix, slot_text_fn *fn, slot_failed_fn *failed, void *arg,
	      struct error *err);

#endif
