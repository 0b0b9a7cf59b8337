/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to one Azure storage account's Blob service: addressed, signed,
 * sent with retries, and once more with renewed credentials after a refusal.
 * What an answer other than success means is said in words for a person.
 * Thread-safe.
 */
#ifndef ADE_FS_NET_AZURE_BLOB_H
#define ADE_FS_NET_AZURE_BLOB_H

#include "crypto/error.h"
#include "crypto/secret.h"
#include "fs/net/azure_cred.h"
#include "fs/net/http.h"
#include "fs/net/params.h"

struct azure_blob_options {
	const char *account;		/* of az://ACCOUNT/…; [a-z0-9]{3,24} (more with an endpoint) */
	const char *endpoint;		/* NULL: the connection string's, else https://ACCOUNT.blob.core.windows.net */
	struct azure_cred_options cred;	/* its account is set here */
};

struct azure_blob;

/* o is copied; http is borrowed. */
struct azure_blob *azure_blob_new(const struct azure_blob_options *o, struct http *http, struct error *err);
void azure_blob_free(struct azure_blob *a);

struct azure_request {
	const char *method;
	const char *path;		/* "CONTAINER" or "CONTAINER/BLOB", not encoded */
	const struct http_param *params;
	size_t n_params;
	const char *const *headers;	/* "Name: value"; date, version and signature are added */
	size_t n_headers;
	struct http_request http;	/* body, into, deadline, check …; what is above is filled in */
};

/* 0 when an answer came, whatever its status; else as http_send().  The caller
 * calls http_response_free() in every case. */
int azure_blob_send(struct azure_blob *a, const struct azure_request *rq, struct http_response *rs,
		    struct error *err);

/* Words for an answer that is no success: -ENOENT, -EEXIST, -EACCES, -EHOSTUNREACH, … */
int azure_blob_failure(const struct azure_blob *a, const struct azure_request *rq,
		       const struct http_response *rs, struct error *err);

/* The service's own code for it ("BlobNotFound"), "" when it did not say. */
const char *azure_blob_code(const struct http_response *rs);

/* "az://ACCOUNT": for messages. */
const char *azure_blob_shown(const struct azure_blob *a);

DEFINE_CLEANUP(struct azure_blob *, azure_blob_free);

#endif
