/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What opens an Azure storage account: a SAS, the account's key, or a bearer
 * token; from the user's files, else from the environment as Azure's own
 * tools read it (AZURE_STORAGE_SAS_TOKEN, AZURE_STORAGE_KEY,
 * AZURE_STORAGE_CONNECTION_STRING), else from a token source.
 *
 * Files are read again after SIGHUP and when asked to.  Thread-safe.
 */
#ifndef ADE_FS_NET_AZURE_CRED_H
#define ADE_FS_NET_AZURE_CRED_H

#include "crypto/error.h"
#include "crypto/secret.h"
#include "fs/net/azure_token.h"
#include "fs/net/http.h"

enum azure_cred_kind { AZURE_SAS, AZURE_KEY, AZURE_BEARER };

struct azure_cred_options {
	const char *account;
	const struct secret *sas;	/* given at hand; wins over all */
	const char *sas_file;		/* of these three one at most */
	const char *key_file;		/* the account's key in base64, or a connection string */
	const char *token_file;		/* a bearer token for https://storage.azure.com */
	const struct token_options *token;	/* how to get one otherwise; NULL: environment */
};

struct azure_cred;

/* o is copied; http is borrowed.  NULL: EINVAL (several are named, or what is
 * named holds none), EACCES, ENOENT, … */
struct azure_cred *azure_cred_new(const struct azure_cred_options *o, struct http *http, struct error *err);
void azure_cred_free(struct azure_cred *c);

enum azure_cred_kind azure_cred_kind(const struct azure_cred *c);

/* The SAS without '?', the key decoded, or "Bearer …"; owned by the caller.  NULL with words. */
struct secret *azure_cred_get(struct azure_cred *c, struct error *err);

/* What azure_cred_get() gave was refused: read the file again, get another
 * token.  True: it gives something else now. */
bool azure_cred_renew(struct azure_cred *c, const struct secret *refused);

/* In a connection string: where its blobs are; malloc'ed, NULL: not said. */
char *azure_cred_endpoint(const struct azure_cred *c);

/* "sas-file", …: what a person has to renew. */
const char *azure_cred_source(const struct azure_cred *c);

DEFINE_CLEANUP(struct azure_cred *, azure_cred_free);

#endif
