/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl, loaded when the first URL is asked for: with the thirty libraries
 * behind it it would be half of the time that mounting a local disk takes.
 */
#ifndef ADE_FS_NET_CURL_LOAD_H
#define ADE_FS_NET_CURL_LOAD_H

#define CURL_DISABLE_TYPECHECK
#include "crypto/error.h"

#include <curl/curl.h>
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_share_setopt

struct curl_calls {
	__typeof__(curl_global_init) *global_init;
	__typeof__(curl_easy_init) *easy_init;
	__typeof__(curl_easy_cleanup) *easy_cleanup;
	__typeof__(curl_easy_reset) *easy_reset;
	__typeof__(curl_easy_setopt) *easy_setopt;
	__typeof__(curl_easy_getinfo) *easy_getinfo;
	__typeof__(curl_easy_perform) *easy_perform;
	__typeof__(curl_easy_strerror) *easy_strerror;
	__typeof__(curl_share_init) *share_init;
	__typeof__(curl_share_setopt) *share_setopt;
	__typeof__(curl_share_cleanup) *share_cleanup;
	__typeof__(curl_slist_append) *slist_append;
	__typeof__(curl_slist_free_all) *slist_free_all;
};

/* Load and initialise it, once for the process; any thread.  0, or -ENOTSUP
 * with words: it is not installed. */
int curl_load(struct error *err);

/* Its functions; after curl_load() alone. */
const struct curl_calls *curl(void);

#endif
