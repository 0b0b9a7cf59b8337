/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/store/httpstore.h"
#include "fs/store/remote.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define REDIRECTS 3u
#define DEPTH 8			/* of folders; a vault has 3 */

struct httpstore {
	struct remote r;			/* its endpoint: all before an object's name, without '/' at its end */
	_Atomic bool lists;			/* a folder has been listed: those that are not found are not there */
};

static struct httpstore *httpstore(struct store *st)
{
	return (struct httpstore *)st;
}

/* a->name: an object's, or a folder's with '/' at its end; "" is the top. */
static int http_store_send(struct remote *r, struct remote_ask *a)
{
	struct http_request rq = a->http;
	AUTO(free) char *url = NULL;
	int rc;

	if (asprintf(&url, "%s/%s", r->at.endpoint, a->name) < 0) {
		url = NULL;
		return error_set(&a->why, ENOMEM, "out of memory");
	}
	rq.method = a->method;
	rq.url = url;
	rq.headers = a->headers;
	rq.n_headers = a->n_headers;
	rq.max_redirects = REDIRECTS;
	rc = http_send(r->http, &rq, &a->rs, &a->why);
	if (rc == -EMSGSIZE)
		error_set(&a->why, ENOTSUP, "the server sends more than the range that it was asked for");
	return rc;
}

static int http_refuse(struct remote *r, const struct remote_ask *a, struct error *err)
{
	struct error why = ERROR_INIT;
	int s = a->rs.status;

	if (s == 404 || s == 410) {
		error_set(&why, ENOENT, "no such object");
	} else if (s == 401 || s == 403) {
		error_set(&why, EACCES, "the web server does not give it out (HTTP %d)", s);
		error_next(&why, "let it serve the vault's files to this machine");
	} else if (s >= 500 || s == 429 || s == 408) {
		error_set(&why, EHOSTUNREACH, "the web server answers HTTP %d, after %u tries", s, a->rs.tries);
		error_next(&why, "it is busy or out of order: try again later");
	} else {
		error_set(&why, EIO, "the web server answers HTTP %d", s);
	}
	error_object(&why, "%s/%s", r->at.endpoint, a->name);
	error_copy(err, &why);
	return -why.code;
}

static const struct remote_dialect dialect = { .range = "Range", .send = http_store_send, .refuse = http_refuse };

static int no_lists(const struct remote *r, const struct remote_ask *a, struct error *err)
{
	error_set(err, ENOTSUP, "this web server lists no folders, which a vault needs (HTTP %d)", a->rs.status);
	error_object(err, "%s/%s", r->at.endpoint, a->name);
	error_next(err, "in nginx, for this location: autoindex on; autoindex_format json;");
	return -ENOTSUP;
}

static bool is_list(const struct http_response *rs)
{
	const char *type = http_header(rs, "content-type");

	return type && !strncmp(type, "application/json", 16);
}

/* http_check_fn: a list that calls itself one and cannot be read was damaged on the way. */
static int check_list(void *arg, const struct http_response *rs, struct error *err)
{
	if (rs->status != 200 || !is_list(rs))
		return 0;
	return listing_nginx(arg, rs->body ? (void *)rs->body : (void *)"", rs->len, err) < 0
		       ? error_set(err, EIO, "the list of a folder arrived damaged") : 0;
}

/* One folder's entries; -ENOENT: it is not there, as far as one can tell. */
static int get_folder(struct httpstore *z, const char *folder, struct listing *l, struct error *err)
{
	REMOTE_ASK(a);

	a.name = folder;
	a.http.max_body = REMOTE_LIST_MAX;
	a.http.check = check_list;
	a.http.check_arg = l;
	if (remote_send(&z->r, &a, 1u << 20) < 0)
		return remote_fail(err, &a.why);
	if (a.rs.status == 404 && *folder)
		return -ENOENT;
	if (a.rs.status != 200 && a.rs.status != 403 && a.rs.status != 404)
		return http_refuse(&z->r, &a, err);
	if (a.rs.status != 200 || !is_list(&a.rs))
		return no_lists(&z->r, &a, err);
	atomic_store(&z->lists, true);
	return 0;
}

static int list_folder(struct httpstore *z, const char *folder, const char *prefix, int depth, object_fn *fn,
		       void *arg, struct error *err);

static int list_entry(struct httpstore *z, const char *folder, const struct listed *e, const char *prefix, int depth,
		      object_fn *fn, void *arg, struct error *err)
{
	struct object o = { .size = e->size, .time = e->time };
	size_t n, len = strlen(prefix);
	char below[sizeof(o.name) + 1];

	n = (size_t)snprintf(o.name, sizeof(o.name), "%s%s", folder, e->name);
	if (n >= sizeof(o.name) || !store_name_ok(o.name) || strncmp(o.name, prefix, n < len ? n : len) ||
	    (!*folder && !strcmp(e->name, "tmp")))
		return 0;
	if (!e->folder)
		return n < len ? 0 : fn(arg, &o);
	snprintf(below, sizeof(below), "%s/", o.name);
	return depth < DEPTH ? list_folder(z, below, prefix, depth + 1, fn, arg, err) : 0;
}

static int list_folder(struct httpstore *z, const char *folder, const char *prefix, int depth, object_fn *fn,
		       void *arg, struct error *err)
{
	__attribute__((cleanup(listing_clear_cleanup))) struct listing l = { .n = 0 }, top = { .n = 0 };
	int rc = get_folder(z, folder, &l, err);

	/* not there, or a server that lists nothing? */
	if (rc == -ENOENT && !atomic_load(&z->lists))
		rc = get_folder(z, "", &top, err);
	else if (rc == -ENOENT)
		rc = 0;
	for (size_t i = 0; rc == 0 && i < l.n; i++)
		rc = list_entry(z, folder, &l.at[i], prefix, depth, fn, arg, err);
	return rc;
}

static int http_list(struct store *st, const char *prefix, object_fn *fn, void *arg, struct error *err)
{
	const char *slash = strrchr(prefix, '/');
	char folder[sizeof(((struct object *)0)->name)];
	size_t n = slash ? (size_t)(slash - prefix) + 1 : 0;

	if (n >= sizeof(folder))
		return 0;
	snprintf(folder, sizeof(folder), "%.*s", (int)n, prefix);
	return list_folder(httpstore(st), folder, prefix, 0, fn, arg, err);
}

static int http_now(struct store *st, int64_t *seconds, struct error *err)
{
	struct remote_clock *clock = &httpstore(st)->r.clock;
	struct object o;
	int rc;

	if (remote_clock_now(clock, seconds))
		return 0;
	rc = remote_stat(st, "vault", &o, err);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	return remote_clock_now(clock, seconds) ? 0 : error_set(err, EIO, "the web server does not tell its time");
}

static void http_store_free(struct store *st)
{
	remote_clear(&httpstore(st)->r);
	free(st);
}

static const struct store_ops http_ops = {
	.scheme = "https", .get = remote_get, .read = remote_read, .stat = remote_stat, .list = http_list, .now = http_now,
	.hurry = remote_hurry, .traffic = remote_traffic, .free = http_store_free,
};

struct store *store_http_open(const char *url, const struct store_options *o, struct error *err)
{
	struct httpstore *z = calloc(1, sizeof(*z));

	if (!z)
		return error_null(err, ENOMEM, "out of memory");
	z->r.st.ops = &http_ops;
	if (remote_init(&z->r, &dialect, url, o, err) < 0) {
		http_store_free(&z->r.st);
		return NULL;
	}
	return &z->r.st;
}
