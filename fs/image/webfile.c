/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/webfile_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define REDIRECTS 3u

static struct webfile *of(const struct store *st)
{
	return (struct webfile *)st;
}

const struct webfile_info *webfile_info(const struct store *st)
{
	return &of(st)->info;
}

int webfile_send(struct webfile *w, struct webfile_ask *a, struct error *err)
{
	int rc;

	if (w->pin[0])
		a->header[a->n_headers++] = w->pin;
	remote_patience(&w->clock, w->deadline_ms, a->moves, &a->http);
	if (w->account) {
		struct azure_request rq = { .method = "GET", .path = w->at.path, .params = a->param,
					    .headers = a->header, .n_headers = a->n_headers, .http = a->http };

		if (w->at.snapshot)
			a->param[a->n_params++] = (struct http_param){ "snapshot", w->at.snapshot };
		rq.n_params = a->n_params;
		rc = azure_blob_send(w->account, &rq, &a->rs, err);
	} else {
		a->http.url = (const char *)secret_bytes(w->url);
		a->http.headers = a->header;
		a->http.n_headers = a->n_headers;
		a->http.max_redirects = REDIRECTS;
		rc = http_send(w->http, &a->http, &a->rs, err);
	}
	if (rc == 0)
		remote_clock_note(&w->clock, &a->rs);
	else if (rc == -EHOSTUNREACH || rc == -ETIMEDOUT)
		remote_clock_silent(&w->clock);
	if (rc)
		error_object(err, "%s", w->info.address);
	return rc;
}

int webfile_changed(const struct webfile *w, struct error *err)
{
	error_set(err, ESTALE, "it has changed since it was opened, and two versions must not be mixed");
	error_object(err, "%s", w->info.address);
	error_next(err, w->account ? "make a snapshot of the blob and name that (…?snapshot=TIME), or open it again "
				     "when nothing writes to it"
				   : "open it again when nothing writes to it");
	return -ESTALE;
}

static void refused_by_web_server(const struct webfile *w, int status, unsigned tries, struct error *err)
{
	if (status == 404 || status == 410) {
		error_set(err, ENOENT, "the web server has no such file");
	} else if (status == 401 || status == 403) {
		error_set(err, EACCES, "the web server does not give it out (HTTP %d)", status);
		error_next(err, w->at.query ? "an address that is signed ends at its time: make a new one"
					    : "let it serve the file to this machine");
	} else if (status >= 500 || status == 429 || status == 408) {
		error_set(err, EHOSTUNREACH, "the web server answers HTTP %d, after %u tries", status, tries);
		error_next(err, "it is busy or out of order: try again later");
	} else {
		error_set(err, EIO, "the web server answers HTTP %d", status);
	}
}

int webfile_refused(struct webfile *w, const struct webfile_ask *a, struct error *err)
{
	struct azure_request rq = { .method = "GET", .path = w->at.path ? w->at.path : "" };
	struct error why = ERROR_INIT;

	if (a->rs.status == 412)
		return webfile_changed(w, err);
	if (w->account)
		azure_blob_failure(w->account, &rq, &a->rs, &why);
	else
		refused_by_web_server(w, a->rs.status, a->rs.tries, &why);
	if (w->account && why.code == ENOENT && a->rs.status == 404 && w->info.version[0])
		error_next(&why, "it was there before: has it been deleted?");
	error_object(&why, "%s", w->info.address);
	error_copy(err, &why);
	return -why.code;
}

bool webfile_is_version(const struct webfile *w, const struct http_response *rs)
{
	const char *said = http_header(rs, w->by_etag ? "etag" : "last-modified");

	return !w->info.version[0] || (said && !strcmp(said, w->info.version));
}

/* A range that is asked for, and whether its answer is of another version. */
struct asked {
	struct range r;
	const struct webfile *w;
	bool first, changed;
};

/* http_check_fn: what is of another version is not asked for again. */
static int check(void *arg, const struct http_response *rs, struct error *err)
{
	struct asked *a = arg;
	bool body = rs->status == 200 || rs->status == 206;
	int rc;

	a->changed = body && !a->first && !webfile_is_version(a->w, rs);
	if (a->changed)
		return 0;
	rc = check_range(&a->r, rs, err);
	a->changed = rc == 0 && body && !a->first && a->r.total != a->w->info.size;
	return rc;
}

/* What is there of [r->off, r->off + r->len), into buf or to the sink.  The answer stays in a. */
static int get_range(struct webfile *w, struct webfile_ask *a, struct asked *asked, void *buf, struct store_sink *sink,
		     struct error *err)
{
	char text[64], header[80];
	int rc;

	range_text(&asked->r, text);
	snprintf(header, sizeof(header), "%s: %s", w->account ? "x-ms-range" : "Range", text);
	a->header[a->n_headers++] = header;
	a->http.into = buf;
	a->http.part = sink ? remote_part : NULL;
	a->http.part_arg = sink;
	a->http.max_body = asked->r.len;
	a->http.check = check;
	a->http.check_arg = asked;
	a->moves = asked->r.len;
	rc = webfile_send(w, a, err);
	if (rc == -EMSGSIZE) {
		error_set(err, ENOTSUP, "the server sends more than the range that it was asked for");
		error_next(err, "a disk is read by ranges: put the file on a server that gives them, as nginx does");
		return -ENOTSUP;
	}
	if (rc < 0)
		return rc;
	if (asked->changed)
		return webfile_changed(w, err);
	return a->rs.status == 200 || a->rs.status == 206 || a->rs.status == 416 ? 0 : webfile_refused(w, a, err);
}

/* Into buf, or to the sink. */
static int get(struct webfile *w, uint64_t off, void *buf, struct store_sink *sink, size_t len, size_t *got,
	       struct error *err)
{
	__attribute__((cleanup(webfile_ask_clear_cleanup))) struct webfile_ask a = { .n_headers = 0 };
	struct asked asked = { .r = { .off = off, .len = len }, .w = w };
	int rc;

	if (off >= w->info.size || !len)
		return 0;
	if (len > w->info.size - off)
		asked.r.len = len = (size_t)(w->info.size - off);
	if (off + len <= w->head_len) {
		if (sink)
			sink->part(sink, 0, w->head + off, len);
		else
			memcpy(buf, w->head + off, len);
		*got = len;
		return 0;
	}
	rc = get_range(w, &a, &asked, buf, sink, err);
	if (rc < 0)
		return rc;
	if (asked.r.got != len)
		return webfile_changed(w, err);		/* it ends earlier now */
	*got = len;
	return 0;
}

static int web_get(struct store *st, const char *name, uint64_t off, void *buf, size_t len, size_t *got,
		   struct error *err)
{
	(void)name;
	return get(of(st), off, buf, NULL, len, got, err);
}

static int web_read(struct store *st, const char *name, uint64_t off, size_t len, struct store_sink *sink, size_t *got,
		    struct error *err)
{
	(void)name;
	return get(of(st), off, NULL, sink, len, got, err);
}

static int web_stat(struct store *st, const char *name, struct object *out, struct error *err)
{
	(void)err;
	*out = (struct object){ .size = of(st)->info.size };
	snprintf(out->name, sizeof(out->name), "%s", name);
	return 0;
}

static int web_now(struct store *st, int64_t *seconds, struct error *err)
{
	return remote_clock_now(&of(st)->clock, seconds) ? 0 : error_set(err, EIO, "its time is not known");
}

static void web_hurry(struct store *st, unsigned ms)
{
	http_hurry(of(st)->http, ms);
}

static void web_traffic(struct store *st, struct http_stats *out)
{
	http_get_stats(of(st)->http, out);
}

static void web_free(struct store *st)
{
	struct webfile *w = of(st);

	azure_blob_free(w->account);
	http_free(w->http);
	webfile_address_clear(&w->at);
	secret_free(w->url);
	pthread_mutex_destroy(&w->clock.lock);
	free(w->settings);
	free(w->head);
	free(w);
}

static const struct store_ops web_ops = {
	.scheme = "file", .get = web_get, .read = web_read, .stat = web_stat, .now = web_now, .hurry = web_hurry,
	.traffic = web_traffic, .free = web_free,
};

/* "HOST/FILE?QUERY" with a NUL: the query may be a secret. */
static int make_url(struct webfile *w)
{
	size_t n = strlen(w->at.url), query = w->at.query ? secret_len(w->at.query) : 0;

	w->url = secret_new(n + query + 2);
	if (!w->url)
		return -ENOMEM;
	memcpy(secret_data(w->url), w->at.url, n);
	if (query) {
		secret_data(w->url)[n] = '?';
		memcpy(secret_data(w->url) + n + 1, secret_bytes(w->at.query), query);
	}
	return 0;
}

static int connect_to(struct webfile *w, const struct store_options *o, struct error *err)
{
	struct azure_blob_options ao = {
		.account = w->at.account, .endpoint = w->at.endpoint ? w->at.endpoint : o->endpoint,
		.cred = { .sas = w->at.query, .sas_file = o->sas_file, .key_file = o->account_key_file,
			  .token_file = o->token_file, .token = o->token },
	};

	if (w->at.query)	/* what the address itself says wins */
		ao.cred.sas_file = ao.cred.key_file = ao.cred.token_file = NULL;
	w->http = http_new(&o->http, err);
	if (!w->http)
		return -EIO;
	if (!w->at.azure)
		return make_url(w) < 0 ? error_set(err, ENOMEM, "out of memory") : 0;
	w->account = azure_blob_new(&ao, w->http, err);
	return w->account ? 0 : -EIO;
}

/* The version of which all that follows must be. */
static void pin(struct webfile *w, const struct http_response *rs)
{
	const char *etag = http_header(rs, "etag"), *time = http_header(rs, "last-modified");

	if (etag && (!*etag || strlen(etag) >= WEBFILE_VERSION))
		etag = NULL;
	if (time && strlen(time) >= WEBFILE_VERSION)
		time = NULL;
	w->by_etag = etag != NULL;
	w->info.pinned = etag || time;
	snprintf(w->info.version, sizeof(w->info.version), "%s", etag ? etag : time ? time : "");
	if (etag && strncasecmp(etag, "W/", 2))		/* a weak one never matches */
		snprintf(w->pin, sizeof(w->pin), "If-Match: %s", etag);
	else if (time)
		snprintf(w->pin, sizeof(w->pin), "If-Unmodified-Since: %s", time);
}

static int take_facts(struct webfile *w, const struct http_response *rs, const struct range *r, struct error *err)
{
	const char *type = http_header(rs, "x-ms-blob-type"), *meta = http_header(rs, "x-ms-meta-diskencryptionsettings");

	w->info.size = rs->status == 416 ? 0 : r->total;
	w->info.pages = w->account && type && !strcasecmp(type, "PageBlob");
	w->head_len = r->got;
	if (w->account && meta && !(w->settings = strdup(meta)))
		return error_set(err, ENOMEM, "out of memory");
	w->info.settings = w->settings;
	pin(w, rs);
	return 0;
}

/* The first request learns all. */
static int look(struct webfile *w, struct error *err)
{
	__attribute__((cleanup(webfile_ask_clear_cleanup))) struct webfile_ask a = { .n_headers = 0 };
	struct asked asked = { .r = { .len = WEBFILE_KEPT }, .w = w, .first = true };
	int rc;

	w->head = malloc(WEBFILE_KEPT);
	if (!w->head)
		return error_set(err, ENOMEM, "out of memory");
	rc = get_range(w, &a, &asked, w->head, NULL, err);
	return rc < 0 ? rc : take_facts(w, &a.rs, &asked.r, err);
}

static int name_it(struct webfile *w, const char *spec, struct error *err)
{
	int n = snprintf(w->info.address, sizeof(w->info.address), "%.*s%s%s", (int)strcspn(spec, "?"), spec,
			 w->at.snapshot ? "?snapshot=" : "", w->at.snapshot ? w->at.snapshot : "");

	return n > 0 && (size_t)n < sizeof(w->info.address) ? 0 : error_set(err, EINVAL, "the address is too long");
}

struct store *webfile_open(const char *spec, const struct store_options *o, struct error *err)
{
	struct webfile *w = calloc(1, sizeof(*w));

	if (!w)
		return error_null(err, ENOMEM, "out of memory");
	w->st.ops = &web_ops;
	w->deadline_ms = o->deadline_ms;
	remote_clock_init(&w->clock);
	if (webfile_address_parse(spec, o->sas, &w->at, err) < 0 || name_it(w, spec, err) < 0 ||
	    connect_to(w, o, err) < 0 || look(w, err) < 0) {
		if (err && !err->object[0])
			error_object(err, "%.*s", (int)strcspn(spec, "?"), spec);
		web_free(&w->st);
		return NULL;
	}
	return &w->st;
}
