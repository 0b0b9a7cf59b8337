/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/store/s3store.h"
#include "fs/net/s3.h"
#include "fs/store/remote.h"
#include "fs/store/s3error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct s3store {
	struct remote r;
	struct s3 *bucket;
};

static struct s3store *s3store(struct store *st)
{
	return (struct s3store *)st;
}

/* What the bucket is asked; key is filled in, and holds the object's. */
static struct s3_request request(const struct remote *r, const struct remote_ask *a, char key[600])
{
	struct s3_request rq = { .method = a->method, .key = a->name ? key : NULL, .params = a->params,
				 .n_params = a->n_params, .headers = a->headers, .n_headers = a->n_headers,
				 .http = a->http };

	snprintf(key, 600, "%s%s", r->at.prefix, a->name ? a->name : "");
	return rq;
}

static int s3_store_send(struct remote *r, struct remote_ask *a)
{
	char key[600];
	struct s3_request rq = request(r, a, key);

	return s3_send(s3store(&r->st)->bucket, &rq, &a->rs, &a->why);
}

static int s3_refuse(struct remote *r, const struct remote_ask *a, struct error *err)
{
	char key[600];
	struct s3_request rq = request(r, a, key);

	return s3_failure(s3store(&r->st)->bucket, &rq, &a->rs, err);
}

static const struct remote_dialect dialect = {
	.range = "Range", .send = s3_store_send, .refuse = s3_refuse, .list = { { "list-type", "2" } }, .n_list = 1,
	.most = "max-keys", .next = "continuation-token", .page = "1000", .parse = listing_s3,
};

/* http_check_fn: what arrived damaged, or lost a race that has no winner yet, is worth another try. */
static int check_put(void *arg, const struct http_response *rs, struct error *err)
{
	struct s3_error e;

	(void)arg;
	if (rs->status != 400 && rs->status != 409)
		return 0;
	s3_error_parse(rs->body, rs->len, &e);
	if (!strcmp(e.code, "BadDigest") || !strcmp(e.code, "XAmzContentSHA256Mismatch"))
		return error_set(err, EIO, "what was sent arrived damaged");
	if (!strcmp(e.code, "ConditionalRequestConflict") || !strcmp(e.code, "OperationAborted"))
		return error_set(err, EBUSY, "another request for the same name is under way");
	if (!e.code[0])
		return error_set(err, EIO, "the bucket's server refused, but why did not arrive");
	return 0;
}

static int send_put(struct remote *r, struct remote_ask *a, const char *name, const void *data, size_t len,
		    bool condition)
{
	char md5[64];
	const char *headers[] = { "Content-Type: application/octet-stream", md5, "If-None-Match: *" };
	int rc;

	if (remote_md5_header(data, len, md5) < 0)
		return error_set(&a->why, EIO, "no MD5 here, which uploads are checked by");
	a->method = "PUT";
	a->name = name;
	a->headers = headers;
	a->n_headers = condition ? 3 : 2;
	a->http.body = data;
	a->http.body_len = len;
	a->http.check = check_put;
	rc = remote_send(r, a, len);
	a->headers = NULL;
	a->n_headers = 0;
	return rc;
}

static int put_if_absent(struct store *st, const char *name, const void *data, size_t len, struct error *err)
{
	struct remote *r = &s3store(st)->r;
	REMOTE_ASK(a);
	int ours;

	if (send_put(r, &a, name, data, len, true) < 0)
		return remote_fail(err, &a.why);
	if (a.rs.status == 200)
		return 0;
	ours = a.rs.status == 412 ? remote_is_ours(st, name, &a, data, len, err) : 0;
	if (ours)
		return ours > 0 ? 0 : ours;
	if (a.rs.status != 501)
		return s3_refuse(r, &a, err);
	st->conditional_put = false;	/* it has said that it knows no condition */
	return -ENOTSUP;
}

/* The best that can be done at a server that knows no condition. */
static int put_after_look(struct store *st, const char *name, struct error *err)
{
	struct object there;
	int rc = remote_stat(st, name, &there, err);

	if (rc == -ENOENT) {
		error_clear(err);
		return 0;
	}
	return rc < 0 ? rc : error_set(err, EEXIST, "the name is taken");
}

static int s3_put(struct store *st, const char *name, const void *data, size_t len, enum put_mode mode,
		  struct error *err)
{
	struct remote *r = &s3store(st)->r;
	REMOTE_ASK(a);
	int rc;

	if (mode == PUT_NEW && st->conditional_put) {
		rc = put_if_absent(st, name, data, len, err);
		if (rc != -ENOTSUP)
			return rc;
	}
	rc = mode == PUT_NEW ? put_after_look(st, name, err) : 0;
	if (rc < 0)
		return rc;
	if (send_put(r, &a, name, data, len, false) < 0)
		return remote_fail(err, &a.why);
	return a.rs.status == 200 ? 0 : s3_refuse(r, &a, err);
}

static int s3_remove(struct store *st, const char *name, struct error *err)
{
	struct remote *r = &s3store(st)->r;
	REMOTE_ASK(a);

	a.method = "DELETE";
	a.name = name;
	if (remote_send(r, &a, 0) < 0)
		return remote_fail(err, &a.why);
	if (a.rs.status == 204 || a.rs.status == 200)
		return 0;
	if (s3_refuse(r, &a, &a.why) != -ENOENT || strcmp(a.why.text, "no such object"))
		return remote_fail(err, &a.why);
	return 0;
}

static void s3_store_free(struct store *st)
{
	struct s3store *z = s3store(st);

	s3_free(z->bucket);
	remote_clear(&z->r);
	free(z);
}

static const struct store_ops s3_ops = {
	.scheme = "s3", .get = remote_get, .read = remote_read, .put = s3_put, .stat = remote_stat, .list = remote_list,
	.remove = s3_remove, .now = remote_now, .hurry = remote_hurry, .traffic = remote_traffic,
	.free = s3_store_free,
};

struct store *store_s3_open(const char *url, const struct store_options *o, struct error *err)
{
	struct s3_options so = { .endpoint = o->endpoint, .region = o->s3_region,
				 .credentials_file = o->s3_credentials_file };
	struct s3store *z = calloc(1, sizeof(*z));

	if (!z)
		return error_null(err, ENOMEM, "out of memory");
	z->r.st.ops = &s3_ops;
	z->r.st.conditional_put = true;
	if (remote_init(&z->r, &dialect, url, o, err) == 0) {
		so.bucket = z->r.at.host;
		z->bucket = s3_new(&so, z->r.http, err);
	}
	if (z->bucket)
		return &z->r.st;
	s3_store_free(&z->r.st);
	return NULL;
}
