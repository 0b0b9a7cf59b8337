/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access keys for S3, from where Amazon's own tools look: a file that is named,
 * AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (AWS_SESSION_TOKEN), else
 * AWS_SHARED_CREDENTIALS_FILE or ~/.aws/credentials; of a file the section
 * AWS_PROFILE, else "default".  Files are read again after SIGHUP and when
 * asked to.  Thread-safe.
 */
#ifndef ADE_FS_NET_S3_CRED_H
#define ADE_FS_NET_S3_CRED_H

#include "crypto/error.h"
#include "crypto/secret.h"

struct s3_cred;

/* A set of keys; clear it after use. */
struct s3_keys {
	char id[160];
	struct secret *key, *session;	/* session NULL: none */
};

/* file NULL: as above.  NULL: ENOKEY (nothing anywhere), EINVAL, EACCES, … */
struct s3_cred *s3_cred_new(const char *file, struct error *err);
void s3_cred_free(struct s3_cred *c);

/* A copy.  0 or -ENOMEM. */
int s3_cred_get(struct s3_cred *c, struct s3_keys *out);
/* They were refused: read the file again.  True: there are others now. */
bool s3_cred_renew(struct s3_cred *c, const struct s3_keys *refused);
const char *s3_cred_source(const struct s3_cred *c);

void s3_keys_clear(struct s3_keys *k);

/* Read a credentials file's text.  0, or -EINVAL with words. */
int s3_cred_parse(const void *text, size_t len, const char *profile, struct s3_keys *out, struct error *err);

static inline void s3_keys_clear_cleanup(struct s3_keys *k) { s3_keys_clear(k); }
DEFINE_CLEANUP(struct s3_cred *, s3_cred_free);

#endif
