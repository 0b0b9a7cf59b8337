/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/store/s3store.h"
#include "fs/net/s3.h"
#include "fs/store/address.h"
#include "fs/store/remote.h"
#include "fs/store/s3error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PAGE "1000"
#define PAGES_MAX 1000000

struct s3store {
	struct store st;
	struct http *http;
	struct s3 *bucket;
	struct store_address at;
	struct remote_clock clock;
	unsigned deadline_ms;			/* for one request; 0: the usual */
};

/* One request about an object, or the bucket where name is NULL. */
struct ask {
	struct s3_request rq;
	char key[600];
	struct http_response rs;
	struct error why;
};

static void ask_clear_cleanup(struct ask *a) { http_response_free(&a->rs); }

static struct s3store *s3store(struct store *st)
{
	return (struct s3store *)st;
}

static void ask_about(struct ask *a, const struct s3store *z, const char *method, const char *name)
{
	a->rq.method = method;
	if (!name)
		return;
	snprintf(a->key, sizeof(a->key), "%s%s", z->at.prefix, name);
	a->rq.key = a->key;
}

static int ask(struct s3store *z, struct ask *a)
{
	int rc = s3_send(z->bucket, &a->rq, &a->rs, &a->why);

	if (rc == 0)
		remote_clock_note(&z->clock, &a->rs);
	return rc;
}

static int refuse(struct s3store *z, struct ask *a, struct error *err)
{
	return s3_failure(z->bucket, &a->rq, &a->rs, err);
}

static int s3_stat(struct store *st, const char *name, struct object *out, struct error *err)
{
	__attribute__((cleanup(ask_clear_cleanup))) struct ask a = { .why = ERROR_INIT };
	struct s3store *z = s3store(st);

	ask_about(&a, z, "HEAD", name);
	remote_patience(&z->clock, z->deadline_ms, 0, &a.rq.http);
	if (ask(z, &a) < 0)
		return remote_fail(err, &a.why);
	return a.rs.status == 200 ? remote_object(&a.rs, name, out, err) : refuse(z, &a, err);
}

static int get_range(struct s3store *z, const char *name, struct range *r, void *buf, struct error *err)
{
	__attribute__((cleanup(ask_clear_cleanup))) struct ask a = { .why = ERROR_INIT };
	char text[64], header[80];
	const char *headers[] = { header };

	range_text(r, text);
	snprintf(header, sizeof(header), "Range: %s", text);
	ask_about(&a, z, "GET", name);
	a.rq.headers = headers;
	a.rq.n_headers = 1;
	a.rq.http.into = buf;
	a.rq.http.max_body = r->len;
	a.rq.http.check = check_range;
	a.rq.http.check_arg = r;
	remote_patience(&z->clock, z->deadline_ms, r->len, &a.rq.http);
	if (ask(z, &a) < 0)
		return remote_fail(err, &a.why);
	return a.rs.status == 206 || a.rs.status == 200 || a.rs.status == 416 ? 0 : refuse(z, &a, err);
}

static int s3_get(struct store *st, const char *name, uint64_t off, void *buf, size_t len, size_t *got,
		  struct error *err)
{
	struct range r = { .off = off, .len = len };
	struct object o;
	int rc;

	if (!len)
		return s3_stat(st, name, &o, err);
	rc = get_range(s3store(st), name, &r, buf, err);
	*got = rc < 0 ? 0 : r.got;
	return rc;
}

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
	return 0;
}

static int send_put(struct s3store *z, struct ask *a, const char *name, const void *data, size_t len, bool condition)
{
	char md5[64];
	const char *headers[] = { "Content-Type: application/octet-stream", md5, "If-None-Match: *" };

	if (remote_md5_header(data, len, md5) < 0)
		return error_set(&a->why, EIO, "no MD5 here, which uploads are checked by");
	ask_about(a, z, "PUT", name);
	a->rq.headers = headers;
	a->rq.n_headers = condition ? 3 : 2;
	a->rq.http.body = data;
	a->rq.http.body_len = len;
	a->rq.http.check = check_put;
	remote_patience(&z->clock, z->deadline_ms, len, &a->rq.http);
	return ask(z, a);
}

static int put_if_absent(struct store *st, const char *name, const void *data, size_t len, struct error *err)
{
	__attribute__((cleanup(ask_clear_cleanup))) struct ask a = { .why = ERROR_INIT };
	struct s3store *z = s3store(st);

	if (send_put(z, &a, name, data, len, true) < 0)
		return remote_fail(err, &a.why);
	if (a.rs.status == 200 || (a.rs.tries > 1 && a.rs.status == 412 && remote_is_ours(st, name, data, len)))
		return 0;
	if (a.rs.status != 501)
		return refuse(z, &a, err);
	st->conditional_put = false;	/* it has said that it knows no condition */
	return -ENOTSUP;
}

/* The best that can be done at a server that knows no condition. */
static int put_after_look(struct store *st, const char *name, struct error *err)
{
	struct object there;
	int rc = s3_stat(st, name, &there, err);

	if (rc == -ENOENT) {
		error_clear(err);
		return 0;
	}
	return rc < 0 ? rc : error_set(err, EEXIST, "the name is taken");
}

static int s3_put(struct store *st, const char *name, const void *data, size_t len, enum put_mode mode,
		  struct error *err)
{
	__attribute__((cleanup(ask_clear_cleanup))) struct ask a = { .why = ERROR_INIT };
	struct s3store *z = s3store(st);
	int rc;

	if (mode == PUT_NEW && st->conditional_put) {
		rc = put_if_absent(st, name, data, len, err);
		if (rc != -ENOTSUP)
			return rc;
	}
	rc = mode == PUT_NEW ? put_after_look(st, name, err) : 0;
	if (rc < 0)
		return rc;
	if (send_put(z, &a, name, data, len, false) < 0)
		return remote_fail(err, &a.why);
	return a.rs.status == 200 ? 0 : refuse(z, &a, err);
}

static int s3_remove(struct store *st, const char *name, struct error *err)
{
	__attribute__((cleanup(ask_clear_cleanup))) struct ask a = { .why = ERROR_INIT };
	struct s3store *z = s3store(st);

	ask_about(&a, z, "DELETE", name);
	remote_patience(&z->clock, z->deadline_ms, 0, &a.rq.http);
	if (ask(z, &a) < 0)
		return remote_fail(err, &a.why);
	if (a.rs.status == 204 || a.rs.status == 200)
		return 0;
	if (refuse(z, &a, &a.why) != -ENOENT || strcmp(a.why.text, "no such object"))
		return remote_fail(err, &a.why);
	return 0;
}

/* http_check_fn: a page that cannot be read is asked for again. */
static int check_list(void *arg, const struct http_response *rs, struct error *err)
{
	return rs->status == 200 ? listing_s3(arg, rs->body ? (void *)rs->body : (void *)"", rs->len, err) : 0;
}

static int get_page(struct s3store *z, const char *prefix, const char *token, const char *max, struct listing *l,
		    struct error *err)
{
	__attribute__((cleanup(ask_clear_cleanup))) struct ask a = { .why = ERROR_INIT };
	char full[600];
	struct http_param params[] = { { "list-type", "2" }, { "max-keys", max }, { "prefix", full },
				       { "continuation-token", token } };

	snprintf(full, sizeof(full), "%s%s", z->at.prefix, prefix);
	ask_about(&a, z, "GET", NULL);
	a.rq.params = params;
	a.rq.n_params = token ? 4 : 3;
	a.rq.http.max_body = REMOTE_LIST_MAX;
	a.rq.http.check = check_list;
	a.rq.http.check_arg = l;
	remote_patience(&z->clock, z->deadline_ms, 1u << 20, &a.rq.http);
	if (ask(z, &a) < 0)
		return remote_fail(err, &a.why);
	return a.rs.status == 200 ? 0 : refuse(z, &a, err);
}

static int s3_list(struct store *st, const char *prefix, object_fn *fn, void *arg, struct error *err)
{
	__attribute__((cleanup(listing_clear_cleanup))) struct listing l = { .n = 0 };
	struct s3store *z = s3store(st);
	AUTO(free) char *token = NULL;
	int rc, pages = 0;

	do {
		rc = get_page(z, prefix, token, PAGE, &l, err);
		if (rc == 0)
			rc = remote_each(&l, z->at.prefix, fn, arg);
		if (rc == 0 && l.next && ((token && !strcmp(l.next, token)) || ++pages == PAGES_MAX))
			rc = error_set(err, EIO, "the list of objects does not come to an end");
		free(token);
		token = TAKE(l.next);
	} while (rc == 0 && token);
	return rc;
}

static int s3_now(struct store *st, int64_t *seconds, struct error *err)
{
	__attribute__((cleanup(listing_clear_cleanup))) struct listing l = { .n = 0 };
	struct s3store *z = s3store(st);
	int rc;

	if (remote_clock_now(&z->clock, seconds))
		return 0;
	rc = get_page(z, "none/", NULL, "1", &l, err);
	if (rc == 0 && !remote_clock_now(&z->clock, seconds))
		rc = error_set(err, EIO, "the store does not tell its time");
	return rc;
}

static void s3_hurry(struct store *st, unsigned ms)
{
	http_hurry(s3store(st)->http, ms);
}

static void s3_store_free(struct store *st)
{
	struct s3store *z = s3store(st);

	s3_free(z->bucket);
	http_free(z->http);
	store_address_clear(&z->at);
	pthread_mutex_destroy(&z->clock.lock);
	free(z);
}

static const struct store_ops s3_ops = {
	.scheme = "s3", .get = s3_get, .put = s3_put, .stat = s3_stat, .list = s3_list, .remove = s3_remove,
	.now = s3_now, .hurry = s3_hurry, .free = s3_store_free,
};

static int connect_to(struct s3store *z, const struct store_options *o, struct error *err)
{
	struct s3_options so = { .bucket = z->at.host, .endpoint = o->endpoint, .region = o->s3_region,
				 .credentials_file = o->s3_credentials_file };

	z->http = http_new(&o->http, err);
	if (!z->http)
		return -EIO;
	z->bucket = s3_new(&so, z->http, err);
	return z->bucket ? 0 : -EIO;
}

struct store *store_s3_open(const char *url, const struct store_options *o, struct error *err)
{
	struct s3store *z = calloc(1, sizeof(*z));

	if (!z)
		return error_null(err, ENOMEM, "out of memory");
	z->st.ops = &s3_ops;
	z->st.conditional_put = true;
	z->deadline_ms = o->deadline_ms;
	remote_clock_init(&z->clock);
	if (store_address_parse(url, &z->at, err) < 0 || connect_to(z, o, err) < 0) {
		s3_store_free(&z->st);
		return NULL;
	}
	return &z->st;
}
