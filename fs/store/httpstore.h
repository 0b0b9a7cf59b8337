/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store to read only: the files of a directory store, or copies of its
 * objects, behind a web server.  Objects are read by ranges; lists come from
 * folders that the server shows as nginx's autoindex_format json does.
 */
#ifndef ADE_FS_STORE_HTTPSTORE_H
#define ADE_FS_STORE_HTTPSTORE_H

#include "fs/store/store.h"

/* https://HOST[:PORT][/PATH], no query.  NULL with words; no request is made. */
struct store *store_http_open(const char *url, const struct store_options *o, struct error *err);

#endif
