/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/secmem.h"
#include "fs/net/http_response.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

/* Append "name\0value\0" to the headers kept. */
static int keep_header(struct http_response *rs, const char *line, size_t len, size_t name_len)
{
	const char *p = line + name_len + 1, *end = line + len;
	char *o = realloc(rs->headers, rs->headers_len + len + 2);

	if (!o)
		return -ENOMEM;
	rs->headers = o;
	o += rs->headers_len;
	for (size_t i = 0; i < name_len; i++)
		*o++ = (char)tolower((unsigned char)line[i]);
	*o++ = '\0';
	while (p < end && isspace((unsigned char)*p))
		p++;
	while (end > p && isspace((unsigned char)end[-1]))
		end--;
	memcpy(o, p, (size_t)(end - p));
	o[end - p] = '\0';
	rs->headers_len = (size_t)(o + (end - p) + 1 - rs->headers);
	return 0;
}

int http_response_line(struct http_response *rs, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);

	if (len >= 5 && !memcmp(line, "HTTP/", 5)) {
		rs->headers_len = 0;
		return 0;
	}
	if (!colon)
		return 0;
	if (memchr(line, '\0', len) || len > HTTP_HEADERS_MAX || rs->headers_len + len + 2 > HTTP_HEADERS_MAX)
		return -EMSGSIZE;
	return keep_header(rs, line, len, (size_t)(colon - line));
}

const char *http_header_nth(const struct http_response *rs, const char *name, unsigned n)
{
	const char *p = rs->headers, *end = p ? p + rs->headers_len : NULL;

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
