/* SPDX-License-Identifier: Apache-2.0 */
/* Inside fs/store: what S3's answers other than success mean, in words. */
#ifndef ADE_FS_STORE_S3ERROR_H
#define ADE_FS_STORE_S3ERROR_H

#include "fs/net/s3.h"

struct s3_error {
	char code[64], message[200], region[64];	/* "" where it is not said */
};

/* From the body of an answer; hostile text leaves all empty. */
void s3_error_parse(const void *body, size_t len, struct s3_error *out);

/* Words for an answer that is no success: -ENOENT, -EEXIST, -EACCES, -EHOSTUNREACH, … */
int s3_failure(const struct s3 *s, const struct s3_request *rq, const struct http_response *rs,
	       struct error *err);

#endif
