/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Amazon's request signatures, version 4 (IAM User Guide, "Create a signed AWS
 * API request"; S3 API Reference, "Authenticating Requests: Using the
 * Authorization Header").  Signs the Host header and all headers it is given.
 */
#ifndef ADE_FS_NET_AWS_SIGN_H
#define ADE_FS_NET_AWS_SIGN_H

#include "crypto/secret.h"

#include <stddef.h>

struct aws_sign_request {
	const char *method, *host;
	const char *path, *query;		/* as they are sent: encoded, parameters sorted; query "" at least */
	const char *const *headers;		/* "Name: value", x-amz-date among them */
	size_t n_headers;
	const char *payload_sha256;		/* hex, as in x-amz-content-sha256 */
	const char *date;			/* as in x-amz-date: 20130524T000000Z */
	const char *region, *service;
	const char *key_id;
};

/* The canonical request, malloc'ed.  NULL: no memory. */
char *aws_canonical_request(const struct aws_sign_request *rq);

/* The Authorization header's value, owned by the caller.  NULL: no memory. */
struct secret *aws_sign_v4(const struct aws_sign_request *rq, const struct secret *secret_key);

#endif
