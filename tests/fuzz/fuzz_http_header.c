/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an answer, line by line; then what is looked for in it. */
#include "fs/net/http_response.h"

#include <ctype.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Pairs of strings, no more than there may be, each found under its own name. */
static void check(const struct http_response *rs)
{
	const char *p = rs->headers, *end = p ? p + rs->headers_len : NULL;

	if (rs->headers_len > HTTP_HEADERS_MAX)
		abort();
	while (rs->headers_len && p < end) {
		const char *name = p, *value = p + strlen(p) + 1;
		unsigned n = 0;

		if (value >= end || strlen(value) >= (size_t)(end - value) || !http_header(rs, name))
			abort();
		for (const char *c = name; *c; c++)
			if (isupper((unsigned char)*c))
				abort();
		while (http_header_nth(rs, name, n) != value)
			if (!http_header_nth(rs, name, n++))
				abort();
		p = value + strlen(value) + 1;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct http_response rs = { .status = 200 };
	const char *p = (const char *)data, *end = p + len;

	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p)), *next = lf ? lf + 1 : end;
		AUTO(free) char *line = malloc((size_t)(next - p));	/* not terminated, as it comes */

		if (!line)
			break;
		memcpy(line, p, (size_t)(next - p));
		if (http_response_line(&rs, line, (size_t)(next - p)) < 0)
			break;
		p = next;
	}
	check(&rs);
	http_response_free(&rs);
	return 0;
}
