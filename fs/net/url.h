/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of an http(s) URL that our rules depend on: who is asked, over
 * what, and what may be shown.  A query may hold a SAS, so it never appears
 * in messages; user names and passwords in URLs are refused.
 */
#ifndef ADE_FS_NET_URL_H
#define ADE_FS_NET_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define URL_MAX 8192

struct url {
	bool https;
	char host[256];			/* lower case; IPv6 without brackets */
	uint16_t port;			/* 443 or 80 when not written */
	const char *path;		/* points into the text, at '/', '?' or its end */
	size_t path_len;		/* up to the query */
	const char *query;		/* behind '?', or NULL */
};

/* 0, or -EINVAL: not http(s)://HOST[:PORT][/…], control characters or blanks in
 * it, user information, longer than URL_MAX.  *out borrows text. */
int url_parse(const char *text, struct url *out);

/* The URL without query and fragment, for messages; cut to the room. */
void url_show(const char *text, char *out, size_t room);

bool url_is_loopback(const struct url *u);	/* localhost, 127.0.0.0/8, ::1: by name, no lookup */
bool url_is_link_local(const struct url *u);	/* 169.254.0.0/16, as a number */
bool url_same_origin(const struct url *a, const struct url *b);
/* Is host `domain` itself or below it?  A dot must stand between. */
bool host_is_under(const char *host, const char *domain);

/* Percent-encode for a form or one path element.  NULL: no memory; malloc'ed. */
char *url_escape(const char *text);
/* n characters of a URL, decoded; malloc'ed.  NULL: no memory, or a NUL or half an escape in it. */
char *url_unescape(const char *text, size_t n);

#endif
