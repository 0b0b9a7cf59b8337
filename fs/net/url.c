/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/net/url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool printable(const char *text)
{
	size_t n = 0;

	for (; text[n]; n++)
		if ((unsigned char)text[n] <= ' ' || (unsigned char)text[n] >= 0x7f || n >= URL_MAX)
			return false;
	return true;
}

static int parse_port(const char *p, size_t len, uint16_t *port)
{
	unsigned v = 0;

	if (!len || len > 5)
		return -EINVAL;
	for (; len; p++, len--) {
		if (!isdigit((unsigned char)*p))
			return -EINVAL;
		v = v * 10 + (unsigned)(*p - '0');
	}
	if (!v || v > 65535)
		return -EINVAL;
	*port = (uint16_t)v;
	return 0;
}

/* HOST, HOST:PORT, [IPV6], [IPV6]:PORT */
static int parse_authority(const char *p, size_t len, struct url *out)
{
	const char *host = p, *end = p + len, *colon;
	size_t host_len;

	if (len && *p == '[') {
		const char *close = memchr(p, ']', len);

		if (!close)
			return -EINVAL;
		host = p + 1;
		host_len = (size_t)(close - host);
		colon = close + 1;
	} else {
		colon = memchr(p, ':', len);
		if (!colon)
			colon = end;
		host_len = (size_t)(colon - p);
	}
	if (!host_len || host_len >= sizeof(out->host))
		return -EINVAL;
	for (size_t i = 0; i < host_len; i++) {
		unsigned char c = (unsigned char)host[i];

		if (!isalnum(c) && !strchr("-._:", c))
			return -EINVAL;
		out->host[i] = (char)tolower(c);
	}
	out->host[host_len] = '\0';
	if (colon == end)
		return 0;
	return *colon == ':' ? parse_port(colon + 1, (size_t)(end - colon - 1), &out->port) : -EINVAL;
}

int url_parse(const char *text, struct url *out)
{
	size_t skip, authority;

	memset(out, 0, sizeof(*out));
	if (!printable(text))
		return -EINVAL;
	if (!strncasecmp(text, "https://", 8)) {
		out->https = true;
		out->port = 443;
		skip = 8;
	} else if (!strncasecmp(text, "http://", 7)) {
		out->port = 80;
		skip = 7;
	} else {
		return -EINVAL;
	}
	authority = strcspn(text + skip, "/?#");
	out->path = text + skip + authority;
	out->path_len = strcspn(out->path, "?#");
	if (out->path[out->path_len] == '?')
		out->query = out->path + out->path_len + 1;
	return parse_authority(text + skip, authority, out);
}

void url_show(const char *text, char *out, size_t room)
{
	size_t n = strcspn(text, "?#");
	const char *at = memchr(text, '@', n);
	const char *slashes = strstr(text, "://");

	/* user:password@ is refused elsewhere, but the refusal must not print it */
	if (at && slashes && at < slashes + 3 + strcspn(slashes + 3, "/?#"))
		snprintf(out, room, "%.*s%.*s", (int)(slashes + 3 - text), text,
			 (int)(n - (size_t)(at + 1 - text)), at + 1);
	else
		snprintf(out, room, "%.*s", (int)n, text);
}

bool url_is_loopback(const struct url *u)
{
	struct in_addr v4;

	if (!strcmp(u->host, "localhost") || !strcmp(u->host, "::1"))
		return true;
	return inet_pton(AF_INET, u->host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

bool url_is_link_local(const struct url *u)
{
	struct in_addr v4;

	return inet_pton(AF_INET, u->host, &v4) == 1 && ntohl(v4.s_addr) >> 16 == 0xa9fe;
}

bool url_same_origin(const struct url *a, const struct url *b)
{
	return a->https == b->https && a->port == b->port && !strcmp(a->host, b->host);
}

bool host_is_under(const char *host, const char *domain)
{
	size_t h = strlen(host), d = strlen(domain);

	if (h < d || !d || strcasecmp(host + h - d, domain))
		return false;
	return h == d || host[h - d - 1] == '.';
}

char *url_escape(const char *text)
{
	static const char hex[] = "0123456789ABCDEF";
	char *out = malloc(strlen(text) * 3 + 1), *o = out;

	for (; out && *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (isalnum(c) || strchr("-._~", c)) {
			*o++ = (char)c;
		} else {
			*o++ = '%';
			*o++ = hex[c >> 4];
			*o++ = hex[c & 15];
		}
	}
	if (out)
		*o = '\0';
	return out;
}

static int hex_digit(char c)
{
	const char *hex = "0123456789abcdef", *at = c ? strchr(hex, c | 0x20) : NULL;

	return at ? (int)(at - hex) : -1;
}

char *url_unescape(const char *text, size_t n)
{
	char *out = malloc(n + 1), *to = out;

	for (size_t i = 0; out && i < n; i++) {
		int high = text[i] == '%' && i + 2 < n ? hex_digit(text[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(text[i + 2]) : -1;

		if (text[i] != '%') {
			*to++ = text[i];
		} else if (low >= 0 && (high || low)) {
			*to++ = (char)(high << 4 | low);
			i += 2;
		} else {
			free(out);
			return NULL;
		}
	}
	if (out)
		*to = '\0';
	return out;
}
