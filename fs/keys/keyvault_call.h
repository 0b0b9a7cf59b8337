/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call to an Azure Key Vault: token by challenge, retries, errors in
 * words.  Used by keyvault.c, and by restore-to-keyvault.
 */
#ifndef ADE_FS_KEYS_KEYVAULT_CALL_H
#define ADE_FS_KEYS_KEYVAULT_CALL_H

#include "fs/keys/keystore.h"
#include "fs/util/json_value.h"

struct keyvault;

/* url: https://HOST[:PORT][/].  o->http may be NULL (made and owned then). */
struct keyvault *keyvault_new(const char *url, const struct keystore_options *o, struct error *err);
void keyvault_free(struct keyvault *kv);
const char *keyvault_base(const struct keyvault *kv);	/* https://HOST[:PORT] */
const char *keyvault_host(const struct keyvault *kv);	/* HOST, or HOST:PORT if not 443 */

/* path: "/secrets/NAME/VERSION" or, from a list, a nextLink of the same host.
 * body: an object, or NULL; borrowed.  *out: the answer, owned by the caller.
 * 0; -ENOENT; -EACCES (401, 403: with the inner code and what is missing);
 * -EBUSY (409); -EHOSTUNREACH (429 and 5xx to the last, no answer);
 * -ETIMEDOUT; -EBADMSG (not the JSON that Key Vault answers). */
int keyvault_call(struct keyvault *kv, const char *method, const char *path,
		  const struct jval *body, struct jval **out, struct error *err);

/* The same, but a 403 is not asked again: for questions to which "no" is an
 * answer.  denied (may be NULL, else 64 bytes): Key Vault's inner code of a 403. */
int keyvault_try(struct keyvault *kv, const char *method, const char *path, const struct jval *body,
		 struct jval **out, char *denied, struct error *err);

/* Such a kind ("secrets", "keys") of object, live or deleted: 0, -ENOENT, … */
int keyvault_is_deleted(struct keyvault *kv, const char *kind, const char *name);

/* The token of the last call, "Bearer …"; owned by the caller.  NULL: there was none. */
struct secret *keyvault_token(struct keyvault *kv);

DEFINE_CLEANUP(struct keyvault *, keyvault_free);

#endif
