/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The volume keys that the user named, in the order in which they are tried:
 * .BEK files, passphrase files, folders of both, recovery passwords,
 * passwords, and key stores.  BEKs are found by GUID, so a thousand of them
 * cost nothing; passphrases cost a KDF run each and are rationed.
 * Filled once (keyring_add_*), then read-only and safe for many threads, apart
 * from the used marks, which are atomic.
 */
#ifndef ADE_FS_KEYS_KEYRING_H
#define ADE_FS_KEYS_KEYRING_H

#include "crypto/cleanup.h"
#include "crypto/error.h"
#include "crypto/secret.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum key_kind { KEY_BEK, KEY_PASSPHRASE, KEY_RECOVERY_PASSWORD, KEY_PASSWORD };

struct key_origin;			/* fs/keys/key_origin.h */

struct key {
	enum key_kind kind;
	char name[256];			/* file name for messages; never the key */
	char guid[40];			/* KEY_BEK: protector GUID, upper case; else empty */
	struct secret *bytes;		/* the file's bytes as they are (recovery, password: trimmed newline) */
	bool named;			/* by the user one by one (bek=…), not found in a folder */
	struct key_origin *origin;	/* owned; NULL: from no key store */
	char secret_url[512];		/* the Key Vault secret that it came from; else empty */
	_Atomic bool used;		/* opened a volume */
};

struct keyring;

struct keyring *keyring_new(void);
void keyring_free(struct keyring *r);

/* path: a file, "-" (stdin) or "fd:N".  Read whole, at most 1 MiB, into secrets.
 * 0 or -errno with words (ENOENT, EACCES, EBADMSG: empty file, …). */
int keyring_add_file(struct keyring *r, enum key_kind kind_hint, const char *path, struct error *err);
/* bek=: decides BEK or passphrase by content. */
int keyring_add_bek(struct keyring *r, const char *path, struct error *err);
/* keys=: each regular file below 1 MiB in the folder, ADE's names first. */
int keyring_add_dir(struct keyring *r, const char *dir, struct error *err);
/* Take a secret that somebody fetched (Key Vault, capsule, prompt). */
int keyring_add_secret(struct keyring *r, enum key_kind kind, const char *name,
		       struct secret *bytes_taken, struct error *err);

/* Note which secret the key that was added last came from. */
void keyring_set_secret_url(struct keyring *r, const char *url);
/* The same, with all that is known of it. */
void keyring_set_origin(struct keyring *r, struct key_origin *taken);

/* Copies of all keys of another ring, without their origins, behind those that are there. */
int keyring_add_all(struct keyring *to, const struct keyring *from, struct error *err);

/* Wipe all keys.  Nobody else may use the ring meanwhile. */
void keyring_clear(struct keyring *r);

size_t keyring_count(const struct keyring *r);
struct key *keyring_at(struct keyring *r, size_t i);		/* in trying order; borrowed */
struct key *keyring_find_bek(struct keyring *r, const char *guid);	/* by GUID, any case; NULL: none */

/* The first named key that opened nothing, or NULL. */
const struct key *keyring_first_unused(const struct keyring *r);

DEFINE_CLEANUP(struct keyring *, keyring_free);

#endif
