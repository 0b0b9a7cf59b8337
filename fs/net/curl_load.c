/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/net/curl_load.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define LIBRARY "libcurl.so.4"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct curl_calls calls;		/* written by load() alone */
static bool loaded;

static void load(void)
{
	static const struct { const char *name; size_t at; } wanted[] = {
#define CALL(name) { "curl_" #name, offsetof(struct curl_calls, name) }
		CALL(global_init), CALL(easy_init), CALL(easy_cleanup), CALL(easy_reset), CALL(easy_setopt),
		CALL(easy_getinfo), CALL(easy_perform), CALL(easy_strerror), CALL(share_init),
		CALL(share_setopt), CALL(share_cleanup), CALL(slist_append), CALL(slist_free_all),
#undef CALL
	};
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		void *at = library ? dlsym(library, wanted[i].name) : NULL;

		if (!at)
			return;
		memcpy((char *)&calls + wanted[i].at, &at, sizeof(at));
	}
	loaded = calls.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

int curl_load(struct error *err)
{
	pthread_once(&once, load);
	if (loaded)
		return 0;
	error_set(err, ENOTSUP, "URLs need libcurl, which cannot be loaded (" LIBRARY ")");
	error_next(err, "Install it; on Debian: apt install libcurl4");
	return -ENOTSUP;
}

const struct curl_calls *curl(void)
{
	return &calls;
}
