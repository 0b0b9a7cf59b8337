/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts a secret and its KEK back into an Azure Key Vault, in the order that
 * Azure documents: the key first (it is there, it is recovered from soft
 * deletion, or its backup blob is restored), then the secret (a wrapped one
 * verbatim with its tags; a plain one from its backup blob, else its value).
 */
#ifndef ADE_FS_KEYS_KEYVAULT_RESTORE_H
#define ADE_FS_KEYS_KEYVAULT_RESTORE_H

#include "fs/keys/key_origin.h"
#include "fs/keys/keyvault_call.h"

/* How an object came to be where it is now. */
enum put_back { PUT_THERE, PUT_RECOVERED, PUT_FROM_BACKUP, PUT_SET };
const char *put_back_words(enum put_back how);	/* "was there", … */

struct keyvault_restored {
	char secret_url[512], kek_url[512];	/* as they are now; kek_url empty: not wrapped */
	enum put_back secret, kek;
};

/* plain: the key file's bytes, for a secret that is not wrapped; NULL: not at
 * hand.  kek_url: the KEK's URL in this Key Vault where it is another one than
 * before; NULL: as in o.  0; -ENOKEY: the KEK, or the secret's value, is not to
 * be had; what keyvault_call() says. */
int keyvault_restore(struct keyvault *kv, const struct key_origin *o, const struct secret *plain,
		     const char *kek_url, struct keyvault_restored *out, struct error *err);

#endif
