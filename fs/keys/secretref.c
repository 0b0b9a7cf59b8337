/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/keys/keystore.h"
#include "fs/net/url.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

bool keystore_name_ok(const char *name)
{
	size_t n = strlen(name);

	return n && n <= KEYSTORE_NAME_MAX &&
	       strspn(name, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") == n;
}

static int copy_part(const char *from, size_t len, char *to, size_t room)
{
	if (len >= room)
		return -EINVAL;
	memcpy(to, from, len);
	to[len] = '\0';
	return keystore_name_ok(to) ? 0 : -EINVAL;
}

/* NAME[/VERSION][/] */
static int parse_name(const char *p, struct key_ref *out)
{
	size_t name = strcspn(p, "/?#"), version;

	if (copy_part(p, name, out->name, sizeof(out->name)) < 0)
		return -EINVAL;
	p += name;
	if (*p == '/')
		p++;
	version = strcspn(p, "/?#");
	if (version && copy_part(p, version, out->version, sizeof(out->version)) < 0)
		return -EINVAL;
	p += version;
	return *p && strcmp(p, "/") ? -EINVAL : 0;
}

int key_ref_parse(const char *text, const char *kind, struct key_ref *out, struct error *err)
{
	size_t kind_len = strlen(kind);
	const char *p = text;
	struct url u;
	char shown[200];

	memset(out, 0, sizeof(*out));
	if (strstr(text, "://")) {
		if (url_parse(text, &u) < 0 || !u.https || strncasecmp(u.path, "/", 1) ||
		    strncasecmp(u.path + 1, kind, kind_len) || u.path[1 + kind_len] != '/') {
			url_show(text, shown, sizeof(shown));
			error_set(err, EINVAL, "not a URL of the form https://VAULT/%s/NAME/VERSION", kind);
			error_object(err, "%s", shown);
			return -EINVAL;
		}
		if (u.port == 443)
			snprintf(out->host, sizeof(out->host), "%s", u.host);
		else
			snprintf(out->host, sizeof(out->host), "%.240s:%u", u.host, u.port);
		p = u.path + 1 + kind_len + 1;
	}
	if (parse_name(p, out) == 0)
		return 0;
	url_show(text, shown, sizeof(shown));
	error_set(err, EINVAL, "a name has 1 to %d letters, digits and dashes", KEYSTORE_NAME_MAX);
	error_object(err, "%s", shown);
	return -EINVAL;
}
