/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/store/address.h"
#include "fs/net/url.h"
#include "fs/store/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PREFIX_MAX 255

/* "ACCOUNT.blob.SUFFIX": Azure's own clouds. */
static bool is_azure_host(const char *host)
{
	static const char *const clouds[] = { "core.windows.net", "core.usgovcloudapi.net", "core.chinacloudapi.cn",
					      "storage.azure.net" };
	const char *dot = strchr(host, '.');

	for (size_t i = 0; dot && i < sizeof(clouds) / sizeof(clouds[0]); i++)
		if (!strncmp(dot, ".blob.", 6) && !strcmp(dot + 6, clouds[i]))
			return true;
	return false;
}

enum store_kind store_kind_of(const char *url)
{
	struct url u;

	if (!strstr(url, "://") || !strncasecmp(url, "file://", 7))
		return STORE_DIR;
	if (!strncasecmp(url, "az://", 5))
		return STORE_AZ;
	if (!strncasecmp(url, "s3://", 5))
		return STORE_S3;
	if (strncasecmp(url, "https://", 8) && strncasecmp(url, "http://", 7))
		return STORE_UNKNOWN;
	return url_parse(url, &u) == 0 && is_azure_host(u.host) ? STORE_AZ : STORE_HTTP;
}

void store_address_clear(struct store_address *a)
{
	free(a->host);
	free(a->root);
	free(a->prefix);
	free(a->endpoint);
	memset(a, 0, sizeof(*a));
}

static int malformed(const char *url, const char *form, struct error *err)
{
	char shown[200];

	url_show(url, shown, sizeof(shown));
	error_set(err, EINVAL, "not the address of a store");
	error_object(err, "%s", shown);
	error_next(err, "write it as %s", form);
	return -EINVAL;
}

/* The part of p up to its next '/', which is passed. */
static char *cut(const char **p)
{
	size_t n = strcspn(*p, "/");
	char *part = strndup(*p, n);

	*p += n + ((*p)[n] == '/');
	return part;
}

/* What is left of the path: a name like an object's, or nothing. */
static int take_prefix(struct store_address *a, const char *rest)
{
	size_t n = strlen(rest);

	while (n && rest[n - 1] == '/')
		n--;
	if (asprintf(&a->prefix, "%.*s%s", (int)n, rest, n ? "/" : "") < 0) {
		a->prefix = NULL;
		return -ENOMEM;
	}
	if (!n)
		return 0;
	a->prefix[n] = '\0';
	if (n > PREFIX_MAX || !store_name_ok(a->prefix))
		return -EINVAL;
	a->prefix[n] = '/';
	return 0;
}

static bool container_ok(const char *name)
{
	size_t n = strlen(name);

	return n >= 1 && n <= 63 && (name[0] == '$' || name[0] != '-') &&
	       strspn(name, "$abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static bool bucket_ok(const char *name)
{
	size_t n = strlen(name);

	return n >= 3 && n <= 63 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-_") == n && name[0] != '.' &&
	       name[0] != '-';
}

static int parse_azure(const char *url, struct store_address *a, struct error *err)
{
	static const char form[] = "az://ACCOUNT/CONTAINER or az://ACCOUNT/CONTAINER/PREFIX";
	const char *rest = strstr(url, "://") + 3;
	struct url u;
	int rc;

	if (strncasecmp(url, "az://", 5)) {
		if (url_parse(url, &u) < 0 || asprintf(&a->endpoint, "%.*s", (int)(u.path - url), url) < 0) {
			a->endpoint = NULL;
			return malformed(url, form, err);
		}
		a->host = strndup(u.host, strcspn(u.host, "."));
		rest = *u.path == '/' ? u.path + 1 : u.path;
	} else {
		a->host = cut(&rest);
	}
	a->root = cut(&rest);
	rc = take_prefix(a, rest);
	if (!a->host || !a->root || rc == -ENOMEM)
		return error_set(err, ENOMEM, "out of memory");
	return rc < 0 || !*a->host || !container_ok(a->root) ? malformed(url, form, err) : 0;
}

static int parse_s3(const char *url, struct store_address *a, struct error *err)
{
	const char *rest = url + 5;
	int rc;

	a->host = cut(&rest);
	a->root = strdup("");
	rc = take_prefix(a, rest);
	if (!a->host || !a->root || rc == -ENOMEM)
		return error_set(err, ENOMEM, "out of memory");
	return rc < 0 || !bucket_ok(a->host) ? malformed(url, "s3://BUCKET or s3://BUCKET/PREFIX", err) : 0;
}

static int parse_http(const char *url, struct store_address *a, struct error *err)
{
	struct url u;
	size_t n;

	if (url_parse(url, &u) < 0 || u.query || strchr(url, '#'))
		return malformed(url, "https://HOST/PATH", err);
	n = strlen(url);
	while (n > (size_t)(u.path - url) && url[n - 1] == '/')
		n--;
	a->endpoint = strndup(url, n);
	a->root = strdup("");
	a->prefix = strdup("");
	return a->endpoint && a->root && a->prefix ? 0 : error_set(err, ENOMEM, "out of memory");
}

int store_address_parse(const char *url, struct store_address *a, struct error *err)
{
	memset(a, 0, sizeof(*a));
	a->kind = store_kind_of(url);
	if (strpbrk(url, "?#") && (a->kind == STORE_AZ || a->kind == STORE_S3))
		return malformed(url, "az://ACCOUNT/CONTAINER, with the SAS in a file: sas-file=", err);
	if (a->kind == STORE_AZ)
		return parse_azure(url, a, err);
	if (a->kind == STORE_S3)
		return parse_s3(url, a, err);
	return parse_http(url, a, err);
}
