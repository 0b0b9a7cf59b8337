/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/endpoints.h"
#include "fs/net/url.h"
#include "fs/store/address.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define CODE "ExtensionSnapshotFailedNoNetwork"
#define LOGIN "https://login.microsoftonline.com"

/* "a.example, b.example:8443", what does not fit is left out. */
struct endpoints {
	char text[360];
	bool azure;			/* something of it wants a token */
};

static void add_host(struct endpoints *e, const char *host, unsigned port)
{
	size_t len = strlen(e->text);
	char entry[280];

	snprintf(entry, sizeof(entry), port == 443 ? "%s" : "%s:%u", host, port);
	for (const char *p = e->text; (p = strstr(p, entry)); p++)
		if ((p == e->text || p[-1] == ' ') && (!p[strlen(entry)] || p[strlen(entry)] == ','))
			return;
	if (len + strlen(entry) + 2 < sizeof(e->text))
		snprintf(e->text + len, sizeof(e->text) - len, "%s%s", len ? ", " : "", entry);
}

static bool add_url(struct endpoints *e, const char *text)
{
	struct url u;

	if (!text || url_parse(text, &u) < 0)
		return false;
	add_host(e, u.host, u.port);
	return true;
}

/* A vault's store, or a disk that is read from afar. */
static void add_place(struct endpoints *e, const char *spec, const struct options *o)
{
	enum store_kind kind = store_kind_of(spec);
	struct store_address a = { .host = NULL };
	char host[280];

	if (kind == STORE_AZ)
		e->azure = e->azure || !strchr(spec, '?');
	if (kind == STORE_DIR || kind == STORE_UNKNOWN)
		return;
	if ((kind == STORE_AZ || kind == STORE_S3) && add_url(e, options_get(o, OPT_ENDPOINT)))
		return;
	if (add_url(e, spec))
		return;
	if (store_address_parse(spec, &a, NULL) == 0 && a.host) {
		snprintf(host, sizeof(host), kind == STORE_AZ ? "%.200s.blob.core.windows.net" : "%.200s.s3.amazonaws.com", a.host);
		add_host(e, host, 443);
	}
	store_address_clear(&a);
}

static void add_disks(struct endpoints *e, const struct options *o, const struct item *it)
{
	const char *text;

	for (size_t i = 0; (text = options_nth(o, OPT_DISK, i)); i++)
		if (strchr(text, '='))
			add_place(e, strchr(text, '=') + 1, o);
	for (size_t i = 0; it && !options_has(o, OPT_DISK) && i < it->n_disks; i++)
		add_place(e, it->disk[i].source, o);
}

static void add_stores(struct endpoints *e, const struct options *o)
{
	const char *text;

	for (size_t i = 0; (text = options_nth(o, OPT_KEYSTORE, i)); i++)
		if (!strncasecmp(text, "https://", 8) && add_url(e, text))
			e->azure = true;
}

void endpoints_explain(struct error *err, const char *vault, const struct options *o, const struct item *it)
{
	struct endpoints e = { .azure = false };
	char next[sizeof(err->next)];

	if (err->code != EHOSTUNREACH && err->code != ENETUNREACH && err->code != ECONNREFUSED && err->code != ECONNRESET &&
	    err->code != ETIMEDOUT)
		return;
	add_place(&e, vault, o);
	add_disks(&e, o, it);
	add_stores(&e, o);
	if (e.azure && !add_url(&e, options_get(o, OPT_AZURE_AUTHORITY)))
		add_url(&e, LOGIN);
	if (!e.text[0])
		return;
	if (strncmp(err->text, CODE, strlen(CODE)))
		error_prefix(err, 0, CODE);
	snprintf(next, sizeof(next), "%.*s", (int)(sizeof(next) - sizeof(e.text) - 60), err->next);
	error_next(err, "%s%sthis host has to reach by HTTPS: %s", next, next[0] ? "; " : "", e.text);
}
