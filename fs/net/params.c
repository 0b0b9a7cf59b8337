/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/net/params.h"
#include "fs/net/url.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct http_param *)a)->name, ((const struct http_param *)b)->name);
}

char *params_query(const struct http_param *p, size_t n)
{
	struct http_param sorted[PARAMS_MAX];
	AUTO(free) char *text = strdup("");

	if (!text || n > PARAMS_MAX)
		return NULL;
	if (n)
		memcpy(sorted, p, n * sizeof(*p));
	qsort(sorted, n, sizeof(*sorted), by_name);
	for (size_t i = 0; i < n; i++) {
		AUTO(free) char *name = url_escape(sorted[i].name);
		AUTO(free) char *value = url_escape(sorted[i].value);
		char *longer;

		if (!name || !value || asprintf(&longer, "%s%s%s=%s", text, i ? "&" : "", name, value) < 0)
			return NULL;
		free(text);
		text = longer;
	}
	return TAKE(text);
}

char *path_escape(const char *path)
{
	char *all = url_escape(path), *from = all, *to = all;

	while (from && *from) {
		if (!strncmp(from, "%2F", 3)) {
			*to++ = '/';
			from += 3;
		} else {
			*to++ = *from++;
		}
	}
	if (to)
		*to = '\0';
	return all;
}

const char *header_value(const char *const *headers, size_t n, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < n; i++)
		if (!strncasecmp(headers[i], name, len) && headers[i][len] == ':')
			return headers[i] + len + 1 + strspn(headers[i] + len + 1, " ");
	return "";
}
