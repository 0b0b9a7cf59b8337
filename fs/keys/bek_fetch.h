/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a secret to a BEK: is it wrapped, and by which key and algorithm; have
 * it unwrapped by the key's own version; take off the base64; see that it is
 * what its tags say.
 *
 * Wrapped when the encryption settings name a KEK, else when the tag
 * DiskEncryptionKeyEncryptionKeyURL does, else when the content type is
 * "Wrapped BEK".  The algorithm tag proves nothing: it is on plain ones too.
 */
#ifndef ADE_FS_KEYS_BEK_FETCH_H
#define ADE_FS_KEYS_BEK_FETCH_H

#include "fs/keys/audit.h"
#include "fs/keys/keyring.h"
#include "fs/keys/keystore.h"

#define TAG_FILE_NAME "DiskEncryptionKeyFileName"
#define TAG_ALGORITHM "DiskEncryptionKeyEncryptionAlgorithm"
#define TAG_KEK_URL "DiskEncryptionKeyEncryptionKeyURL"
#define TAG_MACHINE "MachineName"

/* What is known of a disk's key before it is fetched. */
struct bek_hint {
	const char *secret_url;		/* or NAME[/VERSION] */
	const char *kek_url;		/* from the encryption settings; NULL: not known */
	const char *algorithm;		/* NULL: from the tag, else RSA-OAEP */
	const char *secret_data;	/* the value, where a recovery point keeps it; used when no store has it */
};

enum wrap_state { BEK_PLAIN, BEK_WRAPPED };

/* kek_url NULL: go by the secret alone.  *kek: the key's URL, "" if it is
 * wrapped by a key that nobody names; borrowed. */
enum wrap_state bek_wrap_state(const struct keystore_secret *s, const char *kek_url,
			       const char **kek);

/* Does this secret look like a BEK: file name tag, content type BEK or Wrapped BEK? */
bool bek_is_candidate(const struct keystore_secret *s);

/* The key file's bytes (what ADE would write on the BEK volume), owned by the
 * caller.  s was got with its value.  0; -EKEYREJECTED (KEK does not unwrap),
 * -EBADMSG (not base64, or not a .BEK though its tag says so), -ENOKEY (no
 * store has the KEK), and what the stores answer. */
int bek_open(struct keystores *stores, const struct keystore_secret *s, const struct bek_hint *hint,
	     struct audit *audit, struct secret **out, struct error *err);

/* Get, open and add to the ring.  A version that is gone (a restored secret
 * has a new one) is answered by secret_data, else by the newest enabled one.
 * warning (may be NULL): that, or expired, though it opened. */
int bek_fetch(struct keystores *stores, const struct bek_hint *hint, struct audit *audit,
	      struct keyring *ring, struct error *err, struct error *warning);

/* Every candidate of the stores, at most max.  machine (may be NULL): those
 * whose tag MachineName says so, if there are any.  What cannot be got is
 * passed over; when nothing at all came of it, the first refusal is the error. */
int bek_fetch_candidates(struct keystores *stores, const char *machine, size_t max, struct audit *audit,
			 struct keyring *ring, struct error *err, struct error *warning);

#endif
