/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/store/azblob.h"
#include "fs/net/azure_blob.h"
#include "fs/store/address.h"
#include "fs/store/remote.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PAGE "5000"

struct azblob {
	struct store st;
	struct http *http;
	struct azure_blob *account;
	struct store_address at;
	struct remote_clock clock;
	unsigned deadline_ms;		/* for one request; 0: the usual */
};

/* One request about an object, or the container where name is NULL. */
struct ask {
	struct azure_request rq;
	char path[700];
	struct http_response rs;
	struct error why;
};

static void ask_clear_cleanup(struct ask *a) { http_response_free(&a->rs); }

static struct azblob *azblob(struct store *st)
{
	return (struct azblob *)st;
}

static void ask_about(struct ask *a, const struct azblob *z, const char *method, const char *name)
{
	a->rq.method = method;
	a->rq.path = a->path;
	if (name)
		snprintf(a->path, sizeof(a->path), "%s/%s%s", z->at.root, z->at.prefix, name);
	else
		snprintf(a->path, sizeof(a->path), "%s", z->at.root);
}

static int ask(struct azblob *z, struct ask *a)
{
	int rc = azure_blob_send(z->account, &a->rq, &a->rs, &a->why);

	if (rc == 0)
		remote_clock_note(&z->clock, &a->rs);
	return rc;
}

static int refuse(struct azblob *z, struct ask *a, struct error *err)
{
	return azure_blob_failure(z->account, &a->rq, &a->rs, err);
}

static int az_stat(struct store *st, const char *name, struct object *out, struct error *err)
{
	__attribute__((cleanup(ask_clear_cleanup))) struct ask a = { .why = ERROR_INIT };
	struct azblob *z = azblob(st);

	ask_about(&a, z, "HEAD", name);
	remote_patience(&z->clock, z->deadline_ms, 0, &a.rq.http);
	if (ask(z, &a) < 0)
		return remote_fail(err, &a.why);
	return a.rs.status == 200 ? remote_object(&a.rs, name, out, err) : refuse(z, &a, err);
}

static int get_range(struct azblob *z, const char *name, struct range *r, void *buf, struct error *err)
{
	__attribute__((cleanup(ask_clear_cleanup))) struct ask a = { .why = ERROR_INIT };
	char text[64], header[80];
	const char *headers[] = { header };

	range_text(r, text);
	snprintf(header, sizeof(header), "x-ms-range: %s", text);
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

static int az_get(struct store *st, const char *name, uint64_t off, void *buf, size_t len, size_t *got,
		  struct error *err)
{
	struct range r = { .off = off, .len = len };
	struct object o;
	int rc;

	if (!len)
		return az_stat(st, name, &o, err);
	rc = get_range(azblob(st), name, &r, buf, err);
	*got = rc < 0 ? 0 : r.got;
	return rc;
}

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
	__attribute__((cleanup(ask_clear_cleanup))) struct ask a = { .why = ERROR_INIT };
	struct azblob *z = azblob(st);
	char md5[64];
	const char *headers[] = { "x-ms-blob-type: BlockBlob", "Content-Type: application/octet-stream", md5,
				  "If-None-Match: *" };

	if (remote_md5_header(data, len, md5) < 0)
		return error_set(err, EIO, "no MD5 here, which uploads are checked by");
	ask_about(&a, z, "PUT", name);
	a.rq.headers = headers;
	a.rq.n_headers = mode == PUT_NEW ? 4 : 3;
	a.rq.http.body = data;
	a.rq.http.body_len = len;
	a.rq.http.check = check_put;
	remote_patience(&z->clock, z->deadline_ms, len, &a.rq.http);
	if (ask(z, &a) < 0)
		return remote_fail(err, &a.why);
	if (a.rs.status == 201 || (mode == PUT_NEW && a.rs.tries > 1 && (a.rs.status == 409 || a.rs.status == 412) &&
				   remote_is_ours(st, name, data, len)))
		return 0;
	return refuse(z, &a, err);
}

static int az_remove(struct store *st, const char *name, struct error *err)
{
	__attribute__((cleanup(ask_clear_cleanup))) struct ask a = { .why = ERROR_INIT };
	static const char *const headers[] = { "x-ms-delete-snapshots: include" };
	struct azblob *z = azblob(st);

	ask_about(&a, z, "DELETE", name);
	a.rq.headers = headers;
	a.rq.n_headers = 1;
	remote_patience(&z->clock, z->deadline_ms, 0, &a.rq.http);
	if (ask(z, &a) < 0)
		return remote_fail(err, &a.why);
	if (a.rs.status == 202 || (a.rs.status == 404 && strcmp(azure_blob_code(&a.rs), "ContainerNotFound")))
		return 0;
	return refuse(z, &a, err);
}

/* http_check_fn: a page that cannot be read is asked for again. */
static int check_list(void *arg, const struct http_response *rs, struct error *err)
{
	return rs->status == 200 ? listing_azure(arg, rs->body ? (void *)rs->body : (void *)"", rs->len, err) : 0;
}

static int get_page(struct azblob *z, const char *prefix, const char *marker, const char *max, struct listing *l,
		    struct error *err)
{
	__attribute__((cleanup(ask_clear_cleanup))) struct ask a = { .why = ERROR_INIT };
	char full[600];
	struct http_param params[] = { { "restype", "container" }, { "comp", "list" }, { "maxresults", max },
				       { "prefix", full }, { "marker", marker } };

	snprintf(full, sizeof(full), "%s%s", z->at.prefix, prefix);
	ask_about(&a, z, "GET", NULL);
	a.rq.params = params;
	a.rq.n_params = marker ? 5 : 4;
	a.rq.http.max_body = REMOTE_LIST_MAX;
	a.rq.http.check = check_list;
	a.rq.http.check_arg = l;
	remote_patience(&z->clock, z->deadline_ms, 1u << 20, &a.rq.http);
	if (ask(z, &a) < 0)
		return remote_fail(err, &a.why);
	return a.rs.status == 200 ? 0 : refuse(z, &a, err);
}

static int az_list(struct store *st, const char *prefix, object_fn *fn, void *arg, struct error *err)
{
	__attribute__((cleanup(listing_clear_cleanup))) struct listing l = { .n = 0 };
	struct azblob *z = azblob(st);
	AUTO(free) char *marker = NULL;
	int rc;

	do {
		rc = get_page(z, prefix, marker, PAGE, &l, err);
		if (rc == 0)
			rc = remote_each(&l, z->at.prefix, fn, arg);
		if (rc == 0 && l.next && marker && !strcmp(l.next, marker))
			rc = error_set(err, EIO, "the list of objects does not come to an end");
		free(marker);
		marker = TAKE(l.next);
	} while (rc == 0 && marker);
	return rc;
}

static int az_now(struct store *st, int64_t *seconds, struct error *err)
{
	__attribute__((cleanup(listing_clear_cleanup))) struct listing l = { .n = 0 };
	struct azblob *z = azblob(st);
	int rc;

	if (remote_clock_now(&z->clock, seconds))
		return 0;
	rc = get_page(z, "none/", NULL, "1", &l, err);
	if (rc == 0 && !remote_clock_now(&z->clock, seconds))
		rc = error_set(err, EIO, "the store does not tell its time");
	return rc;
}

static void az_hurry(struct store *st, unsigned ms)
{
	http_hurry(azblob(st)->http, ms);
}

static void az_free(struct store *st)
{
	struct azblob *z = azblob(st);

	azure_blob_free(z->account);
	http_free(z->http);
	store_address_clear(&z->at);
	pthread_mutex_destroy(&z->clock.lock);
	free(z);
}

/* The container, unless it is there or is not ours to make. */
static int make_container(struct azblob *z, struct error *err)
{
	__attribute__((cleanup(ask_clear_cleanup))) struct ask a = { .why = ERROR_INIT };
	static const struct http_param params[] = { { "restype", "container" } };

	ask_about(&a, z, "PUT", NULL);
	a.rq.params = params;
	a.rq.n_params = 1;
	remote_patience(&z->clock, z->deadline_ms, 0, &a.rq.http);
	if (ask(z, &a) < 0)
		return remote_fail(err, &a.why);
	if (a.rs.status == 201 || a.rs.status == 403 || a.rs.status == 409)
		return 0;
	return refuse(z, &a, err);
}

static const struct store_ops az_ops = {
	.scheme = "az", .get = az_get, .put = az_put, .stat = az_stat, .list = az_list, .remove = az_remove,
	.now = az_now, .hurry = az_hurry, .free = az_free,
};

static int connect_to(struct azblob *z, const struct store_options *o, struct error *err)
{
	struct azure_blob_options ao = {
		.account = z->at.host, .endpoint = o->endpoint ? o->endpoint : z->at.endpoint,
		.cred = { .sas = o->sas, .sas_file = o->sas_file, .key_file = o->account_key_file,
			  .token_file = o->token_file, .token = o->token },
	};

	z->http = http_new(&o->http, err);
	if (!z->http)
		return -EIO;
	z->account = azure_blob_new(&ao, z->http, err);
	return z->account ? 0 : -EIO;
}

struct store *store_azblob_open(const char *url, bool create, const struct store_options *o, struct error *err)
{
	struct azblob *z = calloc(1, sizeof(*z));

	if (!z)
		return error_null(err, ENOMEM, "out of memory");
	z->st.ops = &az_ops;
	z->st.conditional_put = true;
	z->deadline_ms = o->deadline_ms;
	remote_clock_init(&z->clock);
	if (store_address_parse(url, &z->at, err) < 0 || connect_to(z, o, err) < 0 ||
	    (create && make_container(z, err) < 0)) {
		az_free(&z->st);
		return NULL;
	}
	return &z->st;
}
