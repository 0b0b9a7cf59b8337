/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/keys/challenge.h"
#include "fs/net/url.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The value of name="…" (quotes optional) among pairs split by commas or blanks. */
static bool value_of(const char *p, const char *name, char *out, size_t room)
{
	size_t n = strlen(name);

	while (*p) {
		size_t key, len;
		const char *value;

		p += strspn(p, ", \t");
		key = strcspn(p, "=, \t");
		if (p[key] != '=') {
			p += key;
			continue;
		}
		value = p + key + 1;
		if (*value == '"') {
			value++;
			len = strcspn(value, "\"");
		} else {
			len = strcspn(value, ", \t");
		}
		if (key == n && !strncasecmp(p, name, n)) {
			if (!len || len >= room)
				return false;
			memcpy(out, value, len);
			out[len] = '\0';
			return true;
		}
		p = value + len + (value[len] == '"');
	}
	return false;
}

static int take_authority(const char *url, struct challenge *out)
{
	struct url u;
	size_t n;

	if (url_parse(url, &u) < 0 || !u.https)
		return -EBADMSG;
	snprintf(out->authority, sizeof(out->authority), "%.*s", (int)(u.path - url), url);
	if (*u.path != '/')
		return 0;
	n = strcspn(u.path + 1, "/?#");
	if (n >= sizeof(out->tenant))
		return -EBADMSG;
	memcpy(out->tenant, u.path + 1, n);
	out->tenant[n] = '\0';
	return 0;
}

static int take_resource(const char *text, const char *host, struct challenge *out, struct error *err)
{
	char res[256];
	struct url u;
	size_t n = strlen(text), host_len = strcspn(host, ":");
	char bare[256];

	if (n > 9 && !strcmp(text + n - 9, "/.default"))
		n -= 9;
	while (n && text[n - 1] == '/')
		n--;
	if (n >= sizeof(res))
		return error_set(err, EBADMSG, "the Key Vault's challenge is not understood");
	snprintf(res, sizeof(res), "%.*s", (int)n, text);
	snprintf(bare, sizeof(bare), "%.*s", (int)host_len, host);
	if (url_parse(res, &u) == 0 && u.https && strchr(u.host, '.') && host_is_under(bare, u.host) &&
	    strcmp(bare, u.host)) {
		snprintf(out->resource, sizeof(out->resource), "%s", res);
		return 0;
	}
	error_set(err, EACCES, "the server asks for a token for %.100s, which is not above its own name: refused",
		  res);
	error_next(err, "see that the URL is that of your Key Vault");
	return -EACCES;
}

int challenge_parse(const char *header, const char *host, struct challenge *out, struct error *err)
{
	char authority[300], resource[300];

	memset(out, 0, sizeof(*out));
	if (!header || strncasecmp(header, "Bearer ", 7) ||
	    !(value_of(header + 7, "resource", resource, sizeof(resource)) ||
	      value_of(header + 7, "scope", resource, sizeof(resource))))
		return error_set(err, EBADMSG, "the server's refusal holds no challenge of a Key Vault");
	if (value_of(header + 7, "authorization", authority, sizeof(authority)) ||
	    value_of(header + 7, "authorization_uri", authority, sizeof(authority)) ||
	    value_of(header + 7, "authorization_url", authority, sizeof(authority)))
		if (take_authority(authority, out) < 0)
			return error_set(err, EBADMSG, "the challenge's authority is not an https URL");
	return take_resource(resource, host, out, err);
}
