/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The embedded local key store: a folder of secrets and RSA keys with
 * versions, tags, content types, enabled, expiry and soft delete, as Key Vault
 * has them, sealed by a key file.
 *
 *	keystore.json			{"format":1,"id":…,"check":…}, in clear
 *	secrets/NAME/VERSION		sealed object	(deleted/secrets/NAME/… after delete)
 *	keys/NAME/VERSION
 *
 * Sealed object: "ADEKEY" 1 0 | random salt 32 | AES-256-GCM of JSON | tag 16.
 * Store key = HKDF-SHA-256(key file, salt = id, "adebackup keystore 1"), object
 * key = HKDF(store key, salt, "object"), nonce 0 (a key seals once), AAD =
 * header and "secrets/NAME/VERSION", so an object moved to another name does
 * not open.  Names and versions are readable by who reads the folder.
 * Whoever can write the folder can delete, and put an older state back.
 * Files are replaced whole (written, synced, renamed), so readers never see half.
 */
#ifndef ADE_FS_KEYS_LOCAL_H
#define ADE_FS_KEYS_LOCAL_H

#include "fs/keys/keystore.h"

struct local_store;

enum local_kind { LOCAL_SECRET, LOCAL_KEY };

/* Make a new store.  The key file is read, or made (0600, 32 random bytes in
 * hex) when it does not exist.  0; -EEXIST: a store is there already. */
int local_init(const char *dir, const char *key_file, struct error *err);

/* NULL: ENOENT (no store, no key file), EKEYREJECTED (another key file's), EBADMSG. */
struct local_store *local_open(const char *dir, const char *key_file, struct error *err);
void local_close(struct local_store *s);

/* A new version (random 32 hex digits when version is NULL or empty).  doc: an
 * object with "value" (secret text) or "pem" (private key), and optional
 * "contentType", "tags", "enabled", "nbf", "exp"; "created" and "updated" are
 * set.  -EEXIST: that version is there; -EBUSY: the name is deleted but
 * recoverable.  version_out holds 64. */
int local_put(struct local_store *s, enum local_kind kind, const char *name, const char *version,
	      struct jval *doc, char *version_out, struct error *err);
/* Replace the attributes of one version (doc as read by local_read). */
int local_replace(struct local_store *s, enum local_kind kind, const char *name,
		  const char *version, struct jval *doc, struct error *err);
/* version NULL or empty: the newest enabled one.  NULL: ENOENT, EBADMSG, EACCES. */
struct jval *local_read(struct local_store *s, enum local_kind kind, const char *name,
			const char *version, char *version_out, struct error *err);

int local_delete(struct local_store *s, enum local_kind kind, const char *name, struct error *err);
int local_recover(struct local_store *s, enum local_kind kind, const char *name, struct error *err);
int local_purge(struct local_store *s, enum local_kind kind, const char *name, struct error *err);

/* Each version of each object (also deleted ones), names sorted. */
typedef int local_fn(void *arg, enum local_kind kind, const char *name, const char *version,
		     bool deleted, const struct jval *doc);
int local_each(struct local_store *s, enum local_kind kind, bool deleted, local_fn *fn, void *arg,
	       struct error *err);

DEFINE_CLEANUP(struct local_store *, local_close);

#endif
