/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/keys/pkcs11_uri.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Which member a name stands for; its text ends in a NUL, id's bytes do not. */
struct field { const char *name; char *text; size_t room; };

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Takes off the percent signs.  Bytes written, or -1. */
static int decode(const char *from, size_t len, uint8_t *out, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int high, low;

		if (n == room)
			return -1;
		if (from[i] != '%') {
			out[n++] = (uint8_t)from[i];
			continue;
		}
		if (i + 2 >= len || (high = hex_digit(from[i + 1])) < 0 || (low = hex_digit(from[i + 2])) < 0)
			return -1;
		out[n++] = (uint8_t)(high << 4 | low);
		i += 2;
	}
	return (int)n;
}

static int bad(struct error *err, const char *name, size_t len, const char *why)
{
	error_set(err, EINVAL, "PKCS#11 URI: %.*s %s", (int)(len < 40 ? len : 40), name, why);
	return -EINVAL;
}

static int take_text(const struct field *f, const char *value, size_t len, struct error *err)
{
	bool twice = f->text[0];
	int n = twice ? 0 : decode(value, len, (uint8_t *)f->text, f->room - 1);

	if (twice)
		return bad(err, f->name, strlen(f->name), "is there twice");
	if (n <= 0 || memchr(f->text, '\0', (size_t)n))
		return bad(err, f->name, strlen(f->name), "is empty, too long or wrongly escaped");
	f->text[n] = '\0';
	return 0;
}

static int take_id(struct pkcs11_uri *u, const char *value, size_t len, struct error *err)
{
	int n = decode(value, len, u->id, sizeof(u->id));

	if (n <= 0 || u->id_len)
		return bad(err, "id", 2, "is empty, twice, too long or wrongly escaped");
	u->id_len = (size_t)n;
	return 0;
}

static int take_type(const char *value, size_t len, struct error *err)
{
	if (len == 7 && !strncmp(value, "private", 7))
		return 0;
	return bad(err, "type", 4, "is not \"private\": a private key unwraps");
}

static bool is(const char *name, size_t len, const char *want)
{
	return strlen(want) == len && !strncmp(name, want, len);
}

static int take(struct pkcs11_uri *u, bool query, const char *name, size_t name_len, const char *value,
		size_t len, struct error *err)
{
	const struct field in_path[] = {
		{ "token", u->token, sizeof(u->token) },
		{ "manufacturer", u->manufacturer, sizeof(u->manufacturer) },
		{ "serial", u->serial, sizeof(u->serial) }, { "model", u->model, sizeof(u->model) },
		{ "object", u->object, sizeof(u->object) }, { "slot-id", u->slot_id, sizeof(u->slot_id) },
	};
	const struct field in_query[] = {
		{ "module-path", u->module, sizeof(u->module) }, { "module-name", u->module, sizeof(u->module) },
		{ "pin-source", u->pin_source, sizeof(u->pin_source) },
	};
	const struct field *f = query ? in_query : in_path;
	size_t n = query ? sizeof(in_query) / sizeof(*f) : sizeof(in_path) / sizeof(*f);

	for (size_t i = 0; i < n; i++)
		if (is(name, name_len, f[i].name))
			return take_text(&f[i], value, len, err);
	if (!query && is(name, name_len, "id"))
		return take_id(u, value, len, err);
	if (!query && is(name, name_len, "type"))
		return take_type(value, len, err);
	if (!is(name, name_len, "pin-value"))
		return bad(err, name, name_len, "is not known here");
	error_set(err, EINVAL, "a PIN on the command line is seen by everybody");
	error_next(err, "name its file: keystore-pin-file=FILE, or pin-source=file:FILE in the URI");
	return -EINVAL;
}

/* NAME=VALUE, with separators in between. */
static int take_all(struct pkcs11_uri *u, bool query, const char *p, const char *end, struct error *err)
{
	char between = query ? '&' : ';';
	int rc = 0;

	while (!rc && p < end) {
		const char *stop = memchr(p, between, (size_t)(end - p));
		const char *equals;

		stop = stop ? stop : end;
		equals = memchr(p, '=', (size_t)(stop - p));
		if (!equals)
			return bad(err, p, (size_t)(stop - p), "has no value");
		rc = take(u, query, p, (size_t)(equals - p), equals + 1, (size_t)(stop - equals - 1), err);
		p = stop + 1;
	}
	return rc;
}

/* file:/x, file:///x or /x; RFC 7512 also knows |COMMAND, which nobody needs. */
static int settle_pin_source(struct pkcs11_uri *u, struct error *err)
{
	const char *path = u->pin_source;

	if (!strncasecmp(path, "file:", 5))
		path += strncmp(path + 5, "//", 2) ? 5 : 7;
	if (*u->pin_source && (!*path || *path == '|'))
		return bad(err, "pin-source", 10, "is not the name of a file");
	memmove(u->pin_source, path, strlen(path) + 1);
	return 0;
}

int pkcs11_uri_parse(const char *text, struct pkcs11_uri *out, struct error *err)
{
	const char *query, *end;
	int rc;

	memset(out, 0, sizeof(*out));
	if (!strncasecmp(text, "pkcs11:", 7))
		text += 7;
	end = text + strlen(text);
	query = strchr(text, '?');
	rc = take_all(out, false, text, query ? query : end, err);
	if (!rc && query)
		rc = take_all(out, true, query + 1, end, err);
	return rc ? rc : settle_pin_source(out, err);
}
