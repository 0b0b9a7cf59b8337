/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared Key signatures of Azure Storage (REST reference, "Authorize with
 * Shared Key", versions from 2015-02-21), and what a SAS says of itself.
 */
#ifndef ADE_FS_NET_AZURE_SIGN_H
#define ADE_FS_NET_AZURE_SIGN_H

#include "crypto/error.h"
#include "crypto/secret.h"
#include "fs/net/params.h"

#include <stdint.h>

struct azure_sign_request {
	const char *method, *account;
	const char *path;			/* of the URL as it is sent, from its first '/' */
	const struct http_param *params;
	size_t n_params;
	const char *const *headers;		/* "Name: value"; x-ms-date is among them */
	size_t n_headers;
	size_t body_len;
};

/* What is signed; malloc'ed.  NULL: no memory. */
char *azure_string_to_sign(const struct azure_sign_request *rq);

/* key: the account's, decoded.  "SharedKey ACCOUNT:…" for the Authorization
 * header, owned by the caller.  NULL: no memory. */
struct secret *azure_shared_key(const struct azure_sign_request *rq, const struct secret *key);

/* A SAS as people paste it ("?sv=…", blanks around it) without those; it must
 * have a signature.  Owned by the caller; NULL: EINVAL. */
struct secret *sas_clean(const void *text, size_t len, struct error *err);

/* Seconds since 1970 of its se= or st=; false: not said (a stored policy says it). */
bool sas_time(const struct secret *sas, const char *name, int64_t *seconds);

#endif
