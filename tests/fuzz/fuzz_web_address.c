/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of disks, with what stands behind '?' apart (after a NUL), or in them. */
#include "fs/image/webfile_private.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const uint8_t *nul = len ? memchr(data, 0, len) : NULL;
	size_t n = nul ? (size_t)(nul - data) : len;
	AUTO(free) char *spec = strndup(len ? (const char *)data : "", n);
	AUTO(secret_free) struct secret *sas = nul && n + 1 < len ? secret_copy(nul + 1, len - n - 1) : NULL;
	struct webfile_address a;

	if (!spec)
		return 0;
	if (webfile_address_parse(spec, sas, &a, NULL) == 0 && (a.azure ? !strchr(a.path, '/') : !a.url))
		abort();
	webfile_address_clear(&a);
	return 0;
}
