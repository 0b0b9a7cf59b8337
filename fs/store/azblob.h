/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store in a container of Azure Blob Storage: an object is a block blob, put
 * in one request with its MD5, and if absent by If-None-Match.
 */
#ifndef ADE_FS_STORE_AZBLOB_H
#define ADE_FS_STORE_AZBLOB_H

#include "fs/store/store.h"

/* az://ACCOUNT/CONTAINER[/PREFIX].  create: make the container if it may.
 * NULL with words; no request is made without create. */
struct store *store_azblob_open(const char *url, bool create, const struct store_options *o, struct error *err);

#endif
