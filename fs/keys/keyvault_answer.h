/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Key Vault answers, taken out of its JSON: secrets, rows of lists,
 * public keys, unwrapped values, backups, errors.  All of it is hostile input:
 * no network here.  0, -EBADMSG (it is not that), -ENOMEM, with words.
 */
#ifndef ADE_FS_KEYS_KEYVAULT_ANSWER_H
#define ADE_FS_KEYS_KEYVAULT_ANSWER_H

#include "fs/keys/keystore.h"
#include "fs/util/json_value.h"

/* A secret bundle or a row of a list, without the value.  On success to be
 * cleared with keystore_secret_clear(). */
int keyvault_secret_read(const struct jval *v, struct keystore_secret *out, struct error *err);
/* The value's text, owned by the caller. */
int keyvault_value_read(const struct jval *v, struct secret **out, struct error *err);

/* Of unwrapkey: the bytes, owned by the caller. */
int keyvault_plain_read(const struct jval *v, struct secret **out, struct error *err);

/* The public half of ref's key, owned by the caller; its version into ref.  -ENOTSUP: no RSA key. */
int keyvault_key_read(const struct jval *v, struct key_ref *ref, struct rsa_key **out, struct error *err);

/* A backup blob, base64url, owned by the caller. */
int keyvault_backup_read(const struct jval *v, struct secret **out, struct error *err);

/* "exp", "created", … in seconds since 1970; 0: not there. */
int64_t keyvault_attribute(const struct jval *v, const char *name);

/* Of an error: the inner code, else the outer one, else ""; lent. */
const char *keyvault_error_code(const struct jval *v);

#endif
