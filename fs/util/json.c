/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/util/json.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

json_t *json_parse(const char *text, size_t len, struct error *err)
{
	json_error_t why;
	json_t *v = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);

	if (!v)
		return error_null(err, EBADMSG, "bad JSON at line %d, column %d", why.line, why.column);
	return v;
}

char *json_text(const json_t *value, int pretty)
{
	char *s = json_dumps(value, JSON_SORT_KEYS | JSON_ENCODE_ANY |
				    (pretty ? JSON_INDENT(2) : JSON_COMPACT));
	char *line;
	size_t n;

	if (!s || !pretty)
		return s;
	n = strlen(s);
	line = realloc(s, n + 2);
	if (!line) {
		free(s);
		return NULL;
	}
	line[n] = '\n';
	line[n + 1] = '\0';
	return line;
}

json_t *json_member(const json_t *object, const char *name)
{
	json_t *exact = json_object_get(object, name), *value;
	const char *key;

	if (exact)
		return exact;
	json_object_foreach((json_t *)object, key, value)
		if (!strcasecmp(key, name))
			return value;
	return NULL;
}

const char *json_member_text(const json_t *object, const char *name)
{
	return json_string_value(json_member(object, name));
}
