/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bearer tokens of Microsoft Entra ID, from whatever the user has: a client
 * secret, a client certificate, a workload identity's federated token, a
 * managed identity, a token file, a command.  Tokens are kept until shortly
 * before they end, a resource each, and got anew after a refusal.
 * Thread-safe; one request for a token at a time, whose outcome holds for all
 * who waited for it.
 *
 * From the environment, as Azure's own clients read it: AZURE_TENANT_ID,
 * AZURE_CLIENT_ID, AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH,
 * AZURE_FEDERATED_TOKEN_FILE, AZURE_AUTHORITY_HOST; and
 * AZURE_POD_IDENTITY_AUTHORITY_HOST, another place of the metadata service
 * (taken only if it is this machine or a link-local address).
 */
#ifndef ADE_FS_NET_AZURE_TOKEN_H
#define ADE_FS_NET_AZURE_TOKEN_H

#include "crypto/error.h"
#include "crypto/secret.h"
#include "fs/net/http.h"

#include <stdint.h>

struct token_options {
	const char *tenant, *client_id;		/* NULL: environment, then the challenge's tenant */
	const char *object_id, *resource_id;	/* a managed identity by these instead; NULL: by client_id, or the VM's own */
	const char *client_secret_file;
	const char *client_cert_file;		/* PEM with key and certificate */
	const char *federated_token_file;
	const char *token_file;			/* holds the token itself; read again when it is refused */
	const char *token_command;		/* argv[0] [args…] by blanks, no shell; prints the token or
						 * az's JSON with "accessToken" */
	const char *authority;			/* https://login.microsoftonline.com if NULL */
	const char *identity_endpoint;		/* of the metadata service; NULL: 169.254.169.254 */
	unsigned deadline_ms;			/* for one token; 0: 30,000 */
};

struct token_source;

/* o is copied, NULL: all from the environment; http is borrowed.  NULL: EINVAL
 * (an identity named twice), ENOMEM. */
struct token_source *token_source_new(const struct token_options *o, struct http *http,
				      struct error *err);
void token_source_free(struct token_source *t);

/* "Bearer …" for a resource such as https://vault.azure.net, owned by the
 * caller.  authority, tenant: what a challenge said, used where the user named
 * none; NULL: none.  fresh: do not hand out the token kept.
 * NULL: EACCES (refused), ENOKEY (no credentials), EHOSTUNREACH, ETIMEDOUT. */
struct secret *token_get(struct token_source *t, const char *resource, const char *authority,
			 const char *tenant, bool fresh, struct error *err);

/* Read `{"access_token","expires_in"|"expires_on"}` as all the endpoints answer
 * it.  0 with *token ("Bearer …", owned by the caller) and *lifetime_s. */
int token_parse(const void *json, size_t len, struct secret **token, int64_t *lifetime_s,
		struct error *err);

DEFINE_CLEANUP(struct token_source *, token_source_free);

#endif
