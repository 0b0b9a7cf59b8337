/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/store/azblob.h"
#include "fs/net/azure_blob.h"
#include "fs/store/remote.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct azblob {
	struct remote r;
	struct azure_blob *account;
};

static struct azblob *azblob(struct store *st)
{
	return (struct azblob *)st;
}

/* What the account is asked; path is filled in, and holds it. */
static struct azure_request request(const struct remote *r, const struct remote_ask *a, char path[700])
{
	struct azure_request rq = { .method = a->method, .path = path, .params = a->params, .n_params = a->n_params,
				    .headers = a->headers, .n_headers = a->n_headers, .http = a->http };

	snprintf(path, 700, "%s%s%s%s", r->at.root, a->name ? "/" : "", a->name ? r->at.prefix : "",
		 a->name ? a->name : "");
	return rq;
}

static int az_send(struct remote *r, struct remote_ask *a)
{
	char path[700];
	struct azure_request rq = request(r, a, path);

	return azure_blob_send(azblob(&r->st)->account, &rq, &a->rs, &a->why);
}

static int az_refuse(struct remote *r, const struct remote_ask *a, struct error *err)
{
	char path[700];
	struct azure_request rq = request(r, a, path);

	return azure_blob_failure(azblob(&r->st)->account, &rq, &a->rs, err);
}

static const struct remote_dialect dialect = {
	.range = "x-ms-range", .send = az_send, .refuse = az_refuse,
	.list = { { "restype", "container" }, { "comp", "list" } },
	.n_list = 2, .most = "maxresults", .next = "marker", .page = "5000", .parse = listing_azure,
};

/* http_check_fn: what arrived damaged was not taken; the next try may do. */
static int check_put(void *arg, const struct http_response *rs, struct error *err)
{
	(void)arg;
	if (rs->status == 400 && !strcmp(azure_blob_code(rs), "Md5Mismatch"))
		return error_set(err, EIO, "what was sent arrived damaged");
	return 0;
}

static int az_put(struct store *st, const char *name, const void *data, size_t len, enum put_mode mode,
		  struct error *err)
{
	struct remote *r = &azblob(st)->r;
	char md5[64];
	const char *headers[] = { "x-ms-blob-type: BlockBlob", "Content-Type: application/octet-stream", md5,
				  "If-None-Match: *" };
	REMOTE_ASK(a);

	if (remote_md5_header(data, len, md5) < 0)
		return error_set(err, EIO, "no MD5 here, which uploads are checked by");
	a.method = "PUT";
	a.name = name;
	a.headers = headers;
	a.n_headers = mode == PUT_NEW ? 4 : 3;
	a.http.body = data;
	a.http.body_len = len;
	a.http.check = check_put;
	if (remote_send(r, &a, len) < 0)
		return remote_fail(err, &a.why);
	if (a.rs.status == 201)
		return 0;
	if (mode == PUT_NEW && (a.rs.status == 409 || a.rs.status == 412)) {
		int ours = remote_is_ours(st, name, &a, data, len, err);

		if (ours)
			return ours > 0 ? 0 : ours;
	}
	return az_refuse(r, &a, err);
}

static int az_remove(struct store *st, const char *name, struct error *err)
{
	static const char *const headers[] = { "x-ms-delete-snapshots: include" };
	struct remote *r = &azblob(st)->r;
	REMOTE_ASK(a);

	a.method = "DELETE";
	a.name = name;
	a.headers = headers;
	a.n_headers = 1;
	if (remote_send(r, &a, 0) < 0)
		return remote_fail(err, &a.why);
	if (a.rs.status == 202 || (a.rs.status == 404 && strcmp(azure_blob_code(&a.rs), "ContainerNotFound")))
		return 0;
	return az_refuse(r, &a, err);
}

static void az_free(struct store *st)
{
	struct azblob *z = azblob(st);

	azure_blob_free(z->account);
	remote_clear(&z->r);
	free(z);
}

/* The container, unless it is there or is not ours to make. */
static int make_container(struct remote *r, struct error *err)
{
	static const struct http_param params[] = { { "restype", "container" } };
	REMOTE_ASK(a);

	a.method = "PUT";
	a.params = params;
	a.n_params = 1;
	if (remote_send(r, &a, 0) < 0)
		return remote_fail(err, &a.why);
	if (a.rs.status == 201 || a.rs.status == 403 || a.rs.status == 409)
		return 0;
	return az_refuse(r, &a, err);
}

static const struct store_ops az_ops = {
	.scheme = "az", .get = remote_get, .read = remote_read, .put = az_put, .stat = remote_stat, .list = remote_list,
	.remove = az_remove, .now = remote_now, .hurry = remote_hurry, .traffic = remote_traffic,
	.free = az_free,
};

static int connect_to(struct azblob *z, const struct store_options *o, struct error *err)
{
	struct azure_blob_options ao = {
		.account = z->r.at.host, .endpoint = o->endpoint ? o->endpoint : z->r.at.endpoint,
		.cred = { .sas = o->sas, .sas_file = o->sas_file, .key_file = o->account_key_file,
			  .token_file = o->token_file, .token = o->token },
	};

	z->account = azure_blob_new(&ao, z->r.http, err);
	return z->account ? 0 : -EIO;
}

struct store *store_azblob_open(const char *url, bool create, const struct store_options *o, struct error *err)
{
	struct azblob *z = calloc(1, sizeof(*z));

	if (!z)
		return error_null(err, ENOMEM, "out of memory");
	z->r.st.ops = &az_ops;
	z->r.st.conditional_put = true;
	if (remote_init(&z->r, &dialect, url, o, err) < 0 || connect_to(z, o, err) < 0 ||
	    (create && make_container(&z->r, err) < 0)) {
		az_free(&z->r.st);
		return NULL;
	}
	return &z->r.st;
}
