/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/error.h"

#include <stdio.h>
#include <string.h>

static void fill(struct error *err, int code, const char *fmt, va_list ap)
{
	err->code = code;
	err->object[0] = '\0';
	err->next[0] = '\0';
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
}

int error_set(struct error *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (err) {
		va_start(ap, fmt);
		fill(err, code, fmt, ap);
		va_end(ap);
	}
	return -code;
}

void *error_null(struct error *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (err) {
		va_start(ap, fmt);
		fill(err, code, fmt, ap);
		va_end(ap);
	}
	return NULL;
}

int error_prefix(struct error *err, int rc, const char *fmt, ...)
{
	char old[sizeof(err->text)];
	va_list ap;
	size_t n;

	if (!err)
		return rc;
	memcpy(old, err->text, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	n = strlen(err->text);
	snprintf(err->text + n, sizeof(err->text) - n, ": %s", old);
	return rc;
}

void error_object(struct error *err, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return;
	va_start(ap, fmt);
	vsnprintf(err->object, sizeof(err->object), fmt, ap);
	va_end(ap);
}

void error_next(struct error *err, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return;
	va_start(ap, fmt);
	vsnprintf(err->next, sizeof(err->next), fmt, ap);
	va_end(ap);
}

void error_clear(struct error *err)
{
	if (err)
		memset(err, 0, sizeof(*err));
}

void error_copy(struct error *to, const struct error *from)
{
	if (to && from)
		*to = *from;
}
