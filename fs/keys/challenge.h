/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The challenge of a Key Vault: WWW-Authenticate: Bearer authorization="…",
 * resource="…".  Hostile input: whoever answers could name any resource.
 */
#ifndef ADE_FS_KEYS_CHALLENGE_H
#define ADE_FS_KEYS_CHALLENGE_H

#include "crypto/error.h"

struct challenge {
	char authority[300];		/* https://HOST of the token endpoint; may be empty */
	char tenant[128];
	char resource[256];		/* https://vault.azure.net */
};

/* host: the one that was asked.  0; -EBADMSG: no usable challenge; -EACCES:
 * the resource is not the one above this host, so no token is fetched for it. */
int challenge_parse(const char *header, const char *host, struct challenge *out, struct error *err);

#endif
