/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to one bucket of S3 or of what speaks like it: addressed, signed,
 * sent with retries, once more with renewed keys after a refusal, and once
 * more in the bucket's own region when the server names it.  Thread-safe.
 */
#ifndef ADE_FS_NET_S3_H
#define ADE_FS_NET_S3_H

#include "crypto/error.h"
#include "fs/net/http.h"
#include "fs/net/params.h"

struct s3_options {
	const char *bucket;
	const char *endpoint;		/* NULL: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, Amazon's of the region */
	const char *region;		/* NULL: AWS_REGION, AWS_DEFAULT_REGION, us-east-1 */
	const char *credentials_file;	/* fs/net/s3_cred.h */
};

struct s3;

/* o is copied; http is borrowed. */
struct s3 *s3_new(const struct s3_options *o, struct http *http, struct error *err);
void s3_free(struct s3 *s);

struct s3_request {
	const char *method;
	const char *key;		/* not encoded; NULL: the bucket */
	const struct http_param *params;
	size_t n_params;
	const char *const *headers;	/* "Name: value"; date, digest and signature are added */
	size_t n_headers;
	struct http_request http;	/* body, into, deadline, check …; what is above is filled in */
};

/* 0 when an answer came, whatever its status; else as http_send().  The caller
 * calls http_response_free() in every case. */
int s3_send(struct s3 *s, const struct s3_request *rq, struct http_response *rs, struct error *err);

/* "s3://BUCKET"; where its keys come from: for messages. */
const char *s3_shown(const struct s3 *s);
const char *s3_source(const struct s3 *s);

DEFINE_CLEANUP(struct s3 *, s3_free);

#endif
