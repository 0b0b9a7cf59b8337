/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a volume's key came from: the Key Vault secret as it was, the KEK that
 * wraps it, and Key Vault's own backup blobs of both where they could be had.
 * A recovery point keeps it, so that secret and key can be put back.
 * FORMAT.md, section "Capsule".
 */
#ifndef ADE_FS_KEYS_KEY_ORIGIN_H
#define ADE_FS_KEYS_KEY_ORIGIN_H

#include "fs/keys/keystore.h"

#define KEY_BACKUP_MAX (96u << 10)	/* characters of a backup blob; Key Vault's have some thousands */

struct key_origin {
	char secret_url[512];		/* with its version; or NAME/VERSION of a local key store */
	char content_type[128];
	struct jval *tags;		/* object of strings, owned; NULL: none */
	bool wrapped;
	char kek_url[512];		/* wrapped: with its version; empty: nobody named it */
	char algorithm[16];		/* wrapped: RSA-OAEP, … */
	char *value;			/* wrapped: the secret's value as Key Vault holds it, owned; plain: NULL */
	char *secret_backup, *key_backup;	/* Key Vault's blobs, base64url, owned; NULL: not to be had */
};

struct key_origin *key_origin_new(void);
void key_origin_free(struct key_origin *o);
struct key_origin *key_origin_copy(const struct key_origin *o);	/* NULL: no memory */

const char *key_origin_tag(const struct key_origin *o, const char *name);	/* any case; or NULL */

/* Ask the stores for their backup blobs.  What is refused or not to be had is
 * left out: it is a second way back, never a condition. */
void key_origin_fetch_backups(struct key_origin *o, struct keystores *stores);

/* {"name","url","content_type","tags",…} as a capsule keeps it, without the
 * KEK's backup blob, which several may share.  NULL: no memory. */
struct jval *key_origin_print(const struct key_origin *o, const char *name);
/* Hostile input.  NULL: EBADMSG, ENOMEM. */
struct key_origin *key_origin_parse(const struct jval *row, struct error *err);

DEFINE_CLEANUP(struct key_origin *, key_origin_free);

#endif
