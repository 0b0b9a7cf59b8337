/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/secmem.h"
#include "fs/net/http.h"

#include <string.h>

const char *http_header_nth(const struct http_response *rs, const char *name, unsigned n)
{
	const char *p = rs->headers, *end = p + rs->headers_len;

	while (p && p < end) {
		const char *value = p + strlen(p) + 1;

		if (!strcmp(p, name) && !n--)
			return value;
		p = value + strlen(value) + 1;
	}
	return NULL;
}

const char *http_header(const struct http_response *rs, const char *name)
{
	return http_header_nth(rs, name, 0);
}

void http_response_free(struct http_response *rs)
{
	if (!rs->borrowed && rs->secret_body)
		secmem_free(rs->body);
	else if (!rs->borrowed)
		free(rs->body);
	free(rs->headers);
	*rs = (struct http_response){ 0 };
}
