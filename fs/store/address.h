/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a remote store is, as people write it:
 *	az://ACCOUNT/CONTAINER[/PREFIX]
 *	https://ACCOUNT.blob.core.windows.net/CONTAINER[/PREFIX]	the same
 *	s3://BUCKET[/PREFIX]
 *	https://HOST/PATH		files of a web server
 */
#ifndef ADE_FS_STORE_ADDRESS_H
#define ADE_FS_STORE_ADDRESS_H

#include "crypto/error.h"

enum store_kind { STORE_DIR, STORE_AZ, STORE_S3, STORE_HTTP, STORE_UNKNOWN };

struct store_address {
	enum store_kind kind;
	char *host;		/* account, bucket; NULL: of a web server */
	char *root;		/* container; "" otherwise */
	char *prefix;		/* "" or ends in '/' */
	char *endpoint;		/* NULL: the usual one */
};

/* By its looks alone; a path is STORE_DIR. */
enum store_kind store_kind_of(const char *url);

/* Remote kinds alone.  0 or -EINVAL with words, -ENOMEM; clear it in every case. */
int store_address_parse(const char *url, struct store_address *out, struct error *err);
void store_address_clear(struct store_address *a);

#endif
