/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/webfile_private.h"
#include "fs/net/url.h"
#include "fs/store/address.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void webfile_address_clear(struct webfile_address *a)
{
	free(a->account);
	free(a->endpoint);
	free(a->path);
	free(a->url);
	free(a->snapshot);
	secret_free(a->query);
	memset(a, 0, sizeof(*a));
}

static int malformed(const char *spec, const char *form, struct error *err)
{
	error_set(err, EINVAL, "not the address of a disk");
	error_object(err, "%.*s", (int)strcspn(spec, "?#"), spec);
	error_next(err, "write it as %s", form);
	return -EINVAL;
}

/* Move the parameter name out of a query; what is left is in *rest (a secret, NULL when empty). */
static int split_query(const char *query, size_t len, const char *name, char **value, struct secret **rest)
{
	struct secret *left = secret_new(len + 1);
	size_t n = 0, name_len = strlen(name);

	if (!left)
		return -ENOMEM;
	for (size_t at = 0; at < len;) {
		const char *amp = memchr(query + at, '&', len - at);
		size_t part = amp ? (size_t)(amp - query) - at : len - at;

		if (part > name_len && !strncasecmp(query + at, name, name_len) && query[at + name_len] == '=') {
			free(*value);
			*value = url_unescape(query + at + name_len + 1, part - name_len - 1);
		} else if (part) {
			if (n)
				secret_data(left)[n++] = '&';
			memcpy(secret_data(left) + n, query + at, part);
			n += part;
		}
		at += part + 1;
	}
	secret_truncate(left, n);
	*rest = n ? left : NULL;
	if (!n)
		secret_free(left);
	return 0;
}

static bool has_parameter(const struct secret *q, const char *name)
{
	const char *p = q ? (const char *)secret_bytes(q) : NULL;
	size_t len = q ? secret_len(q) : 0, n = strlen(name);

	for (size_t i = 0; i + n < len; i++)
		if ((!i || p[i - 1] == '&') && !memcmp(p + i, name, n) && p[i + n] == '=')
			return true;
	return false;
}

static bool is_managed_disk(const struct url *u)
{
	return host_is_under(u->host, "blob.storage.azure.net");
}

/* "CONTAINER/BLOB", both there */
static bool path_ok(const char *path)
{
	const char *slash = path ? strchr(path, '/') : NULL;

	return slash && slash > path && slash[1] && strlen(path) <= 1100;
}

static int parse_az(const char *spec, size_t len, struct webfile_address *a, struct error *err)
{
	static const char form[] = "az://ACCOUNT/CONTAINER/BLOB";
	const char *rest = spec + 5, *slash = memchr(rest, '/', len - 5);

	if (!slash || slash == rest)
		return malformed(spec, form, err);
	a->account = strndup(rest, (size_t)(slash - rest));
	a->path = strndup(slash + 1, len - 5 - (size_t)(slash + 1 - rest));
	if (!a->account || !a->path)
		return error_set(err, ENOMEM, "out of memory");
	return path_ok(a->path) ? 0 : malformed(spec, form, err);
}

/* A blob by its URL: any host, since its SAS says that it is one. */
static int parse_blob_url(const char *spec, const struct url *u, struct webfile_address *a, struct error *err)
{
	size_t label = strcspn(u->host, ".");
	bool named = store_kind_of(spec) == STORE_AZ || is_managed_disk(u);

	a->account = named ? strndup(u->host, label) : strdup("blob");
	a->path = u->path_len > 1 ? url_unescape(u->path + 1, u->path_len - 1) : NULL;
	if (!a->account || asprintf(&a->endpoint, "%.*s", (int)(u->path - spec), spec) < 0) {
		a->endpoint = NULL;
		return error_set(err, ENOMEM, "out of memory");
	}
	return path_ok(a->path) ? 0 : malformed(spec, "https://ACCOUNT.blob.core.windows.net/CONTAINER/BLOB", err);
}

static int parse_url(const char *spec, size_t len, struct webfile_address *a, struct error *err)
{
	static const char form[] = "https://HOST/FILE";
	AUTO(free) char *plain = strndup(spec, len);
	struct url u;

	if (!plain)
		return error_set(err, ENOMEM, "out of memory");
	if (url_parse(plain, &u) < 0 || u.path_len < 2)
		return malformed(spec, form, err);
	a->azure = store_kind_of(plain) == STORE_AZ || is_managed_disk(&u) ||
		   (has_parameter(a->query, "sig") && has_parameter(a->query, "sv"));
	if (a->azure)
		return parse_blob_url(plain, &u, a, err);
	a->url = TAKE(plain);
	return 0;
}

int webfile_address_parse(const char *spec, const struct secret *sas, struct webfile_address *a, struct error *err)
{
	const char *query = strchr(spec, '?');
	size_t len = query ? (size_t)(query - spec) : strlen(spec);
	AUTO(secret_free) struct secret *rest = NULL;
	int rc = 0;

	*a = (struct webfile_address){ .azure = !strncasecmp(spec, "az://", 5) };
	if (memchr(spec, '#', len) || store_kind_of(spec) == STORE_DIR)
		return malformed(spec, "https://HOST/FILE or az://ACCOUNT/CONTAINER/BLOB", err);
	if (query)
		rc = split_query(query + 1, strlen(query + 1), "snapshot", &a->snapshot, &rest);
	if (rc == 0 && sas)
		rc = split_query((const char *)secret_bytes(sas), secret_len(sas), "snapshot", &a->snapshot, &a->query);
	if (rc < 0)
		return error_set(err, ENOMEM, "out of memory");
	if (rest && !a->query)
		a->query = TAKE(rest);
	if (store_kind_of(spec) == STORE_S3 || store_kind_of(spec) == STORE_UNKNOWN) {
		error_set(err, ENOTSUP, "a disk is read from az:// and https://, not from there");
		error_next(err, "of S3: make a presigned https address of it, and name that");
		return -ENOTSUP;
	}
	rc = a->azure ? parse_az(spec, len, a, err) : parse_url(spec, len, a, err);
	if (rc == 0 && a->snapshot && (!a->azure || strlen(a->snapshot) > 40))
		rc = malformed(spec, "CONTAINER/BLOB?snapshot=2026-11-26T02:00:00.0000000Z", err);
	return rc;
}
