/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/net/connection_string.h"

#include <string.h>
#include <strings.h>

static const char *find(const struct secret *text, const char *name, size_t *len)
{
	const char *p = (const char *)secret_bytes(text), *end = p + secret_len(text);
	size_t n = strlen(name);

	while (p < end) {
		const char *next = memchr(p, ';', (size_t)(end - p));

		if (!next)
			next = end;
		if ((size_t)(next - p) > n && !strncasecmp(p, name, n) && p[n] == '=') {
			*len = (size_t)(next - p) - n - 1;
			return p + n + 1;
		}
		p = next + 1;
	}
	return NULL;
}

bool connection_string_is(const struct secret *text)
{
	size_t len;

	return find(text, "AccountName", &len) || find(text, "BlobEndpoint", &len) ||
	       find(text, "SharedAccessSignature", &len);
}

struct secret *connection_string_part(const struct secret *text, const char *name)
{
	size_t len;
	const char *p = find(text, name, &len);

	return p && len ? secret_copy(p, len) : NULL;
}
