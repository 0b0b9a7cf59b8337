/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store in a bucket of S3, or of what speaks like it: an object is put in
 * one request, its MD5 and its signed SHA-256 with it, and if absent by
 * If-None-Match.  Many servers know no such condition: conditional_put turns
 * false when one says so, and init's probe finds those that do not say it.
 */
#ifndef ADE_FS_STORE_S3STORE_H
#define ADE_FS_STORE_S3STORE_H

#include "fs/store/store.h"

/* s3://BUCKET[/PREFIX]; the bucket must be there.  NULL with words; no request is made. */
struct store *store_s3_open(const char *url, const struct store_options *o, struct error *err);

#endif
