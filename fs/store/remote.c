/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/store/remote.h"
#include "crypto/base64.h"
#include "crypto/hash.h"
#include "fs/net/http_date.h"
#include "fs/net/retry.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGES_MAX 1000000
#define CLOCK_KEPT_MS 60000
#define OUTAGE_MS 110000		/* less than a mount's read-deadline */
#define SOON_MS 45000
#define SLOWEST (128u << 10)		/* bytes a second that a deadline allows for */

void range_text(const struct range *r, char out[64])
{
	snprintf(out, 64, "bytes=%" PRIu64 "-%" PRIu64, r->off, r->off + r->len - 1);
}

/* "bytes 0-99/1000" */
static bool content_range(const char *text, uint64_t *from, uint64_t *to, uint64_t *total)
{
	int end = 0;

	return text && strlen(text) < 80 &&
	       sscanf(text, "bytes %19" SCNu64 "-%19" SCNu64 "/%19" SCNu64 "%n", from, to, total, &end) == 3 &&
	       !text[end];
}

static int wrong(struct error *err, const struct range *r, const char *what)
{
	return error_set(err, EIO, "the server sent %s when asked for bytes %" PRIu64 " to %" PRIu64, what, r->off,
			 r->off + r->len - 1);
}

int check_range(void *arg, const struct http_response *rs, struct error *err)
{
	struct range *r = arg;
	uint64_t from, to;

	r->got = 0;
	if (rs->status == 416)
		return 0;
	if (rs->status == 200) {	/* no ranges here: good for the whole alone */
		r->total = rs->len;
		r->got = rs->len < r->len ? rs->len : r->len;
		return r->off ? error_set(err, ENOTSUP, "the server gives no ranges, which reading needs") : 0;
	}
	if (rs->status != 206)
		return 0;
	if (!content_range(http_header(rs, "content-range"), &from, &to, &r->total))
		return wrong(err, r, "no Content-Range");
	if (from != r->off || to < from || to - from >= r->len || to >= r->total)
		return wrong(err, r, "another range");
	if (rs->len != to - from + 1)
		return wrong(err, r, "fewer or more bytes than it says");
	if (rs->len < r->len && to + 1 != r->total)
		return wrong(err, r, "less than there is");
	r->got = rs->len;
	return 0;
}

void remote_clock_init(struct remote_clock *c)
{
	*c = (struct remote_clock){ .seconds = 0 };
	pthread_mutex_init(&c->lock, NULL);
}

void remote_clock_note(struct remote_clock *c, const struct http_response *rs)
{
	const char *date = http_header(rs, "date");
	int64_t at;
	bool dated = date && http_date_parse(date, &at) == 0;

	pthread_mutex_lock(&c->lock);
	c->answered |= rs->status < 500;
	c->silent = rs->status >= 500;
	if (dated) {
		c->seconds = at;
		c->at_ms = clock_ms();
	}
	pthread_mutex_unlock(&c->lock);
}

void remote_clock_silent(struct remote_clock *c)
{
	pthread_mutex_lock(&c->lock);
	c->silent = true;
	pthread_mutex_unlock(&c->lock);
}

void remote_patience(struct remote_clock *c, unsigned base_ms, size_t len, struct http_request *rq)
{
	uint64_t ms = base_ms ? base_ms : OUTAGE_MS;
	bool known, soon;

	pthread_mutex_lock(&c->lock);
	known = c->answered;
	soon = !known || c->silent;
	pthread_mutex_unlock(&c->lock);
	if (soon && ms > SOON_MS)
		ms = SOON_MS;
	rq->quiet_ms = (unsigned)ms;
	ms += (uint64_t)len * 1000 / SLOWEST;
	rq->deadline_ms = ms < UINT_MAX ? (unsigned)ms : UINT_MAX;
	rq->max_tries = known ? 20 : 5;
}

bool remote_clock_now(struct remote_clock *c, int64_t *seconds)
{
	uint64_t passed;
	bool known;

	pthread_mutex_lock(&c->lock);
	passed = clock_ms() - c->at_ms;
	known = c->seconds && passed < CLOCK_KEPT_MS;
	*seconds = c->seconds + (int64_t)(passed / 1000);
	pthread_mutex_unlock(&c->lock);
	return known;
}

int remote_object(const struct http_response *rs, const char *name, struct object *out, struct error *err)
{
	const char *length = http_header(rs, "content-length"), *time = http_header(rs, "last-modified");
	char *end = NULL;

	errno = 0;
	if (length && *length >= '0' && *length <= '9')
		out->size = strtoull(length, &end, 10);
	if (!end || *end || errno)
		return error_set(err, EIO, "the server does not say how long it is");
	out->time = 0;
	if (time && http_date_parse(time, &out->time))
		return error_set(err, EIO, "the server gives no time that can be read");
	snprintf(out->name, sizeof(out->name), "%s", name);
	return 0;
}

int remote_each(const struct listing *l, const char *base, object_fn *fn, void *arg)
{
	size_t skip = strlen(base);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < l->n; i++) {
		struct object o = { .size = l->at[i].size, .time = l->at[i].time };
		const char *name = l->at[i].name;

		if (strncmp(name, base, skip) || !store_name_ok(name + skip))
			continue;
		snprintf(o.name, sizeof(o.name), "%s", name + skip);
		rc = fn(arg, &o);
	}
	return rc;
}

int remote_md5_header(const void *data, size_t len, char out[64])
{
	char coded[BASE64_CHARS(16) + 1];
	uint8_t sum[16];

	if (digest_size("md5") != sizeof(sum) || digest_once("md5", &data, &len, 1, sum) < 0)
		return -EIO;
	base64_encode(sum, sizeof(sum), BASE64_STD, coded);
	snprintf(out, 64, "Content-MD5: %s", coded);
	return 0;
}

int remote_is_ours(struct store *st, const char *name, const struct remote_ask *a, const void *data, size_t len,
		   struct error *err)
{
	return a->rs.tries > 1 ? store_is_same(st, name, data, len, err) : 0;
}

int remote_fail(struct error *err, const struct error *why)
{
	error_copy(err, why);
	return why->code ? -why->code : -EIO;
}

static struct remote *remote(struct store *st)
{
	return (struct remote *)st;
}

int remote_init(struct remote *r, const struct remote_dialect *d, const char *url, const struct store_options *o,
		struct error *err)
{
	r->st.far = true;
	r->dialect = d;
	r->deadline_ms = o->deadline_ms;
	remote_clock_init(&r->clock);
	if (store_address_parse(url, &r->at, err) < 0)
		return -EINVAL;
	r->http = http_new(&o->http, err);
	return r->http ? 0 : -EIO;
}

void remote_clear(struct remote *r)
{
	http_free(r->http);
	store_address_clear(&r->at);
	pthread_mutex_destroy(&r->clock.lock);
}

int remote_send(struct remote *r, struct remote_ask *a, size_t len)
{
	int rc;

	remote_patience(&r->clock, r->deadline_ms, len, &a->http);
	rc = r->dialect->send(r, a);
	if (rc == 0)
		remote_clock_note(&r->clock, &a->rs);
	else if (rc == -EHOSTUNREACH || rc == -ETIMEDOUT)
		remote_clock_silent(&r->clock);
	return rc;
}

int remote_stat(struct store *st, const char *name, struct object *out, struct error *err)
{
	struct remote *r = remote(st);
	REMOTE_ASK(a);

	a.method = "HEAD";
	a.name = name;
	if (remote_send(r, &a, 0) < 0)
		return remote_fail(err, &a.why);
	return a.rs.status == 200 ? remote_object(&a.rs, name, out, err) : r->dialect->refuse(r, &a, err);
}

void remote_part(void *arg, size_t off, const void *data, size_t len)
{
	struct store_sink *sink = arg;

	sink->part(sink, off, data, len);
}

/* Into buf, or to the sink. */
static int get_range(struct remote *r, const char *name, struct range *range, void *buf, struct store_sink *sink,
		     struct error *err)
{
	char text[64], header[80];
	const char *headers[] = { header };
	REMOTE_ASK(a);

	range_text(range, text);
	snprintf(header, sizeof(header), "%s: %s", r->dialect->range, text);
	a.method = "GET";
	a.name = name;
	a.headers = headers;
	a.n_headers = 1;
	a.http.into = buf;
	a.http.part = sink ? remote_part : NULL;
	a.http.part_arg = sink;
	a.http.max_body = range->len;
	a.http.check = check_range;
	a.http.check_arg = range;
	if (remote_send(r, &a, range->len) < 0)
		return remote_fail(err, &a.why);
	return a.rs.status == 206 || a.rs.status == 200 || a.rs.status == 416 ? 0 : r->dialect->refuse(r, &a, err);
}

int remote_get(struct store *st, const char *name, uint64_t off, void *buf, size_t len, size_t *got,
	       struct error *err)
{
	struct range range = { .off = off, .len = len };
	struct object o;
	int rc;

	if (!len)
		return remote_stat(st, name, &o, err);
	rc = get_range(remote(st), name, &range, buf, NULL, err);
	*got = rc < 0 ? 0 : range.got;
	return rc;
}

int remote_read(struct store *st, const char *name, uint64_t off, size_t len, struct store_sink *sink, size_t *got,
		struct error *err)
{
	struct range range = { .off = off, .len = len };
	int rc = get_range(remote(st), name, &range, NULL, sink, err);

	*got = rc < 0 ? 0 : range.got;
	return rc;
}

struct page_check { const struct remote_dialect *dialect; struct listing *l; };

/* http_check_fn: a page that cannot be read is asked for again. */
static int check_page(void *arg, const struct http_response *rs, struct error *err)
{
	const struct page_check *c = arg;

	return rs->status == 200 ? c->dialect->parse(c->l, rs->body ? (void *)rs->body : (void *)"", rs->len, err) : 0;
}

static int get_page(struct remote *r, const char *prefix, const char *after, const char *most, struct listing *l,
		    struct error *err)
{
	const struct remote_dialect *d = r->dialect;
	struct page_check check = { d, l };
	struct http_param params[5];
	size_t n = d->n_list;
	char full[600];
	REMOTE_ASK(a);

	snprintf(full, sizeof(full), "%s%s", r->at.prefix, prefix);
	memcpy(params, d->list, n * sizeof(*params));
	params[n++] = (struct http_param){ d->most, most };
	params[n++] = (struct http_param){ "prefix", full };
	if (after)
		params[n++] = (struct http_param){ d->next, after };
	a.method = "GET";
	a.params = params;
	a.n_params = n;
	a.http.max_body = REMOTE_LIST_MAX;
	a.http.check = check_page;
	a.http.check_arg = &check;
	if (remote_send(r, &a, 1u << 20) < 0)
		return remote_fail(err, &a.why);
	return a.rs.status == 200 ? 0 : d->refuse(r, &a, err);
}

int remote_list(struct store *st, const char *prefix, object_fn *fn, void *arg, struct error *err)
{
	__attribute__((cleanup(listing_clear_cleanup))) struct listing l = { .n = 0 };
	struct remote *r = remote(st);
	AUTO(free) char *after = NULL;
	int rc, pages = 0;

	do {
		rc = get_page(r, prefix, after, r->dialect->page, &l, err);
		if (rc == 0)
			rc = remote_each(&l, r->at.prefix, fn, arg);
		if (rc == 0 && l.next && ((after && !strcmp(l.next, after)) || ++pages == PAGES_MAX))
			rc = error_set(err, EIO, "the list of objects does not come to an end");
		free(after);
		after = TAKE(l.next);
	} while (rc == 0 && after);
	return rc;
}

int remote_now(struct store *st, int64_t *seconds, struct error *err)
{
	__attribute__((cleanup(listing_clear_cleanup))) struct listing l = { .n = 0 };
	struct remote *r = remote(st);
	int rc;

	if (remote_clock_now(&r->clock, seconds))
		return 0;
	rc = get_page(r, "none/", NULL, "1", &l, err);
	if (rc == 0 && !remote_clock_now(&r->clock, seconds))
		rc = error_set(err, EIO, "the store does not tell its time");
	return rc;
}

void remote_hurry(struct store *st, unsigned ms)
{
	http_hurry(remote(st)->http, ms);
}

void remote_traffic(struct store *st, struct http_stats *out)
{
	http_get_stats(remote(st)->http, out);
}
