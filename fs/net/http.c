/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/net/http.h"
#include "crypto/secmem.h"
#include "fs/net/http_pool.h"
#include "fs/net/http_response.h"
#include "fs/net/params.h"
#include "fs/net/retry.h"
#include "fs/net/url.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_MAX_BODY (1024 * 1024)
#define NAMES_KEPT_S 60

/* How far the tries of a request have got, and when: what goes on is not given up for being slow. */
struct reach { uint64_t bytes, at_ms; };

/* One try under way. */
struct exchange {
	struct http *h;
	const struct http_request *rq;
	struct http_response *rs;
	size_t room, max_body;
	bool body_too_long, headers_too_long, no_memory, head_whole;
	bool begun, handed_on;		/* the body; to rq->part */
	struct reach *reach;
	uint64_t deadline_ms;
	char words[CURL_ERROR_SIZE];
};

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;
	size_t len = size * n;
	int rc = http_response_line(x->rs, line, len);

	if (len >= 5 && !memcmp(line, "HTTP/", 5))
		x->head_whole = false;
	else if (len && (line[0] == '\r' || line[0] == '\n'))
		x->head_whole = true;
	x->headers_too_long |= rc == -EMSGSIZE;
	x->no_memory |= rc == -ENOMEM;
	return rc < 0 ? 0 : len;
}

static uint8_t *grow(struct exchange *x, size_t need)
{
	size_t room = x->room ? x->room : 4096;

	while (room < need)
		room *= 2;
	if (room == x->room)
		return x->rs->body;
	uint8_t *p = x->rs->secret_body ? secmem_realloc(x->rs->body, room)
					: realloc(x->rs->body, room);
	if (p)
		x->room = room;
	return p;
}

static bool is_success(struct exchange *x, CURL *c)
{
	long status = 0;

	curl()->easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	x->rs->status = (int)status;
	return status >= 200 && status < 300;
}

struct body_arg { struct exchange *x; CURL *c; };

/* Where the body of this answer goes. */
static void begin_body(struct exchange *x, CURL *c)
{
	x->begun = true;
	if (!(x->rq->into || x->rq->part) || !is_success(x, c))
		return;
	x->handed_on = x->rq->part != NULL;
	x->rs->borrowed = !x->handed_on;
	x->rs->body = x->handed_on ? NULL : x->rq->into;
}

/* False: no memory. */
static bool take_body(struct exchange *x, const char *data, size_t len)
{
	struct http_response *rs = x->rs;

	if (x->handed_on) {
		x->rq->part(x->rq->part_arg, rs->len, data, len);
		return true;
	}
	if (!rs->borrowed) {
		uint8_t *p = grow(x, rs->len + len + 1);

		if (!p)
			return false;
		rs->body = p;
		p[rs->len + len] = '\0';
	}
	memcpy(rs->body + rs->len, data, len);
	return true;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct body_arg *b = arg;
	struct exchange *x = b->x;
	struct http_response *rs = x->rs;
	size_t len = size * n;
	uint64_t wait = http_pool_charge(x->h, len);
	size_t max;

	if (!x->begun)
		begin_body(x, b->c);
	max = (x->rq->into || x->rq->part) && !rs->borrowed && !x->handed_on ? DEFAULT_MAX_BODY	/* words for a failure */
									     : x->max_body;
	if (len > max - rs->len) {
		x->body_too_long = true;
		return 0;
	}
	if (!take_body(x, data, len)) {
		x->no_memory = true;
		return 0;
	}
	rs->len += len;
	/* A debt of bandwidth is longer than a deadline where many requests share little of it. */
	http_pool_pause(x->h, wait < ms_until(x->deadline_ms) ? wait : ms_until(x->deadline_ms));
	return len;
}

static bool is_quiet(const struct http_request *rq, const struct reach *r, uint64_t in_ms)
{
	return rq->quiet_ms && r->at_ms && clock_ms() + in_ms >= r->at_ms + rq->quiet_ms;
}

static int on_progress(void *arg, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up)
{
	struct exchange *x = arg;
	uint64_t bytes = (uint64_t)(down + up);

	(void)down_all, (void)up_all;
	if (bytes > x->reach->bytes)
		*x->reach = (struct reach){ bytes, clock_ms() };
	return atomic_load(&x->h->cancelled) || http_pool_is_over(x->h) || is_quiet(x->rq, x->reach, 0);
}

static void free_list(struct curl_slist *list)
{
	for (struct curl_slist *l = list; l; l = l->next)
		wipe(l->data, strlen(l->data));
	curl()->slist_free_all(list);
}

static int add_header(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl()->slist_append(*list, line);

	if (!longer)
		return -ENOMEM;
	*list = longer;
	return 0;
}

static int add_authorization(struct curl_slist **list, const struct secret *value)
{
	static const char name[] = "Authorization: ";
	size_t n = sizeof(name) - 1, len = secret_len(value);
	AUTO(secret_free) struct secret *line = secret_new(n + len + 1);

	if (!line || memchr(secret_bytes(value), '\n', len) || memchr(secret_bytes(value), '\r', len))
		return -EINVAL;
	memcpy(secret_data(line), name, n);
	memcpy(secret_data(line) + n, secret_bytes(value), len);
	return add_header(list, (const char *)secret_bytes(line));
}

static int make_headers(const struct http_request *rq, struct curl_slist **list)
{
	int rc = add_header(list, "Expect:");

	if (!rc && !*header_value(rq->headers, rq->n_headers, "Content-Type"))
		rc = add_header(list, "Content-Type:");		/* curl's own is for forms */
	for (size_t i = 0; !rc && i < rq->n_headers; i++)
		rc = strpbrk(rq->headers[i], "\r\n") ? -EINVAL : add_header(list, rq->headers[i]);
	if (!rc && rq->authorization)
		rc = add_authorization(list, rq->authorization);
	return rc;
}

static void set_limits(CURL *c, struct exchange *x)
{
	struct http *h = x->h;
	long left = (long)ms_until(x->deadline_ms);

	curl()->easy_setopt(c, CURLOPT_TIMEOUT_MS, left);
	curl()->easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS,
			 left < (long)h->o.connect_ms ? left : (long)h->o.connect_ms);
	curl()->easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl()->easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)(h->o.stall_ms + 999) / 1000);
	curl()->easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl()->easy_setopt(c, CURLOPT_QUICK_EXIT, 1L);
	curl()->easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl()->easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl()->easy_setopt(c, CURLOPT_XFERINFODATA, x);
}

/* A name may lead elsewhere by now: what was looked up before a server could not be reached is
 * not held on to. */
static long names_kept_s(const struct http *h)
{
	uint64_t at = atomic_load(&h->unreached_ms), s = at ? (clock_ms() - at) / 1000 : NAMES_KEPT_S;

	return s < NAMES_KEPT_S ? (long)s : NAMES_KEPT_S;
}

static void set_transport(CURL *c, struct exchange *x)
{
	struct http *h = x->h;

	curl()->easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https,http");
	curl()->easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl()->easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl()->easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl()->easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	curl()->easy_setopt(c, CURLOPT_BUFFERSIZE, 512L * 1024);
	curl()->easy_setopt(c, CURLOPT_SHARE, h->share);
	curl()->easy_setopt(c, CURLOPT_DNS_CACHE_TIMEOUT, names_kept_s(h));
	curl()->easy_setopt(c, CURLOPT_USERAGENT, "adebackup/" ADE_VERSION);
	curl()->easy_setopt(c, CURLOPT_ERRORBUFFER, x->words);
	if (h->o.ca_file)
		curl()->easy_setopt(c, CURLOPT_CAINFO, h->o.ca_file);
	if (h->o.proxy)
		curl()->easy_setopt(c, CURLOPT_PROXY, h->o.proxy);
	if (x->rq->link_local)
		curl()->easy_setopt(c, CURLOPT_NOPROXY, "*");
}

static void set_method(CURL *c, const struct http_request *rq)
{
	const char *m = rq->method ? rq->method : "GET";

	if (!strcmp(m, "HEAD")) {
		curl()->easy_setopt(c, CURLOPT_NOBODY, 1L);
	} else if (rq->body || !strcmp(m, "POST") || !strcmp(m, "PUT")) {
		curl()->easy_setopt(c, CURLOPT_POST, 1L);
		curl()->easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)rq->body_len);
		curl()->easy_setopt(c, CURLOPT_POSTFIELDS, rq->body ? rq->body : "");
	}
	if (strcmp(m, "GET") && strcmp(m, "HEAD") && strcmp(m, "POST"))
		curl()->easy_setopt(c, CURLOPT_CUSTOMREQUEST, m);
}

static int check_rules(const struct http *h, const struct http_request *rq, struct error *err)
{
	char shown[200];
	struct url u;

	url_show(rq->url, shown, sizeof(shown));
	if (url_parse(rq->url, &u) < 0) {
		error_set(err, EINVAL, "not an http or https URL that can be used");
	} else if (u.https) {
		return 0;
	} else if (rq->bearer) {
		error_set(err, EINVAL, "a bearer token is never sent over plain http");
		error_next(err, "use https://");
	} else if (rq->link_local && (url_is_link_local(&u) || url_is_loopback(&u))) {
		return 0;
	} else if (rq->link_local || !(url_is_loopback(&u) || h->o.allow_http)) {
		error_set(err, EINVAL, "plain http goes to this machine only");
		error_next(err, "use https://, or the option allow-http on a network you trust");
	} else {
		return 0;
	}
	error_object(err, "%s", shown);
	return -EINVAL;
}

static int explain(struct exchange *x, CURLcode code, struct error *err)
{
	char shown[200];
	int e = EHOSTUNREACH;
	const char *words = x->words[0] ? x->words : curl()->easy_strerror(code);

	url_show(x->rq->url, shown, sizeof(shown));
	x->rs->transient = true;
	if (x->no_memory || code == CURLE_OUT_OF_MEMORY) {
		error_set(err, e = ENOMEM, "no memory");
	} else if (x->body_too_long || x->headers_too_long) {
		x->rs->transient = false;
		error_set(err, e = EMSGSIZE, "the answer is longer than %zu bytes", x->headers_too_long ?
			  (size_t)HTTP_HEADERS_MAX : x->max_body);
	} else if (code == CURLE_ABORTED_BY_CALLBACK && !is_quiet(x->rq, x->reach, 0)) {
		x->rs->transient = false;
		error_set(err, e = ECANCELED, "cancelled");
	} else if (code == CURLE_OPERATION_TIMEDOUT || code == CURLE_ABORTED_BY_CALLBACK) {
		error_set(err, e = ETIMEDOUT, "no complete answer in time");
		error_next(err, "see that the server is up and the network lets you through");
	} else if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
		   code == CURLE_SSL_ISSUER_ERROR) {
		x->rs->transient = false;
		error_set(err, e, "the server's certificate is not trusted: %s", words);
		error_next(err, "name its authority with ca-file=PEM if this server is yours");
	} else {
		error_set(err, e, "no answer: %s", words);
		error_next(err, "see that the name is right and the network lets you through");
	}
	error_object(err, "%s", shown);
	return -e;
}

static void note_failure(struct exchange *x, CURL *c)
{
	curl_off_t sent_us = 0;

	atomic_fetch_add(&x->h->failures, 1);
	curl()->easy_getinfo(c, CURLINFO_PRETRANSFER_TIME_T, &sent_us);
	if (!sent_us)
		atomic_store(&x->h->unreached_ms, clock_ms());
}

static void note_answer(struct exchange *x, CURL *c)
{
	curl_off_t after = -1;
	long status = 0;

	curl()->easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	x->rs->status = (int)status;
	x->rs->retry_after_s = -1;
	if (http_header(x->rs, "retry-after") &&
	    curl()->easy_getinfo(c, CURLINFO_RETRY_AFTER, &after) == CURLE_OK)
		x->rs->retry_after_s = after;
}

static int run(struct exchange *x, CURL *c, struct curl_slist *headers, struct error *err)
{
	struct body_arg arg = { x, c };
	CURLcode code;

	set_limits(c, x);
	set_transport(c, x);
	set_method(c, x->rq);
	curl()->easy_setopt(c, CURLOPT_URL, x->rq->url);
	curl()->easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl()->easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl()->easy_setopt(c, CURLOPT_HEADERDATA, x);
	curl()->easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl()->easy_setopt(c, CURLOPT_WRITEDATA, &arg);
	atomic_fetch_add(&x->h->requests, 1);
	atomic_fetch_add(&x->h->bytes_out, x->rq->body_len);
	code = curl()->easy_perform(c);
	note_answer(x, c);
	if (code == CURLE_OK && !x->head_whole) {	/* curl takes what broke off in its head for an answer */
		snprintf(x->words, sizeof(x->words), "the answer broke off");
		code = CURLE_PARTIAL_FILE;
	}
	if (code == CURLE_OK)
		return 0;
	note_failure(x, c);
	return explain(x, code, err);
}

static int one_try(struct http *h, const struct http_request *rq, uint64_t deadline_ms, struct reach *reach,
		   struct http_response *rs, struct error *err)
{
	struct exchange x = { .h = h, .rq = rq, .rs = rs, .deadline_ms = deadline_ms, .reach = reach };
	struct curl_slist *headers = NULL;
	struct error why = ERROR_INIT;
	CURL *c;
	int rc;

	x.max_body = rq->max_body ? rq->max_body : DEFAULT_MAX_BODY;
	rs->secret_body = rq->secret_body;
	rs->retry_after_s = -1;
	rc = check_rules(h, rq, err);
	if (rc < 0)
		return rc;
	rc = make_headers(rq, &headers);
	if (rc < 0) {
		free_list(headers);
		return error_set(err, -rc, "a request header is unusable");
	}
	c = http_pool_get(h, deadline_ms, &why);
	if (c) {
		if (!reach->at_ms)	/* waiting for a place is nobody's silence */
			reach->at_ms = clock_ms();
		rc = run(&x, c, headers, &why);
		http_pool_put(h, c);
	} else {
		rc = -why.code;
	}
	free_list(headers);
	if (rc < 0)
		error_copy(err, &why);
	return rc;
}

/* Where a redirect leads: an absolute URL or a path on the same host. */
static char *redirect_target(const char *from, const char *location)
{
	struct url a, b;
	char *out = NULL;

	if (!location || url_parse(from, &a) < 0)
		return NULL;
	if (location[0] == '/' && location[1] != '/') {
		if (asprintf(&out, "%.*s%s", (int)(a.path - from), from, location) < 0)
			return NULL;
		return out;
	}
	if (url_parse(location, &b) < 0 || (a.https && !b.https))
		return NULL;
	return strdup(location);
}

static bool may_follow(const struct http_request *rq, const struct http_response *rs, unsigned done)
{
	bool reads = !rq->method || !strcmp(rq->method, "GET") || !strcmp(rq->method, "HEAD");
	int s = rs->status;

	return (s == 301 || s == 302 || s == 303 || s == 307 || s == 308) && reads &&
	       !rq->authorization && !rq->bearer && done < rq->max_redirects;
}

static int try_and_follow(struct http *h, const struct http_request *rq, uint64_t deadline_ms, struct reach *reach,
			  struct http_response *rs, struct error *err)
{
	AUTO(free) char *url = NULL;
	struct http_request at = *rq;
	int rc = one_try(h, rq, deadline_ms, reach, rs, err);

	for (unsigned done = 0; !rc && may_follow(rq, rs, done); done++) {
		char *next = redirect_target(at.url, http_header(rs, "location"));

		if (!next)
			break;
		free(url);
		at.url = url = next;
		http_response_free(rs);
		rc = one_try(h, &at, deadline_ms, reach, rs, err);
	}
	return rc;
}

static int try_and_check(struct http *h, const struct http_request *rq, uint64_t deadline_ms, struct reach *reach,
			 struct http_response *rs, struct error *err)
{
	int rc = try_and_follow(h, rq, deadline_ms, reach, rs, err);

	if (rc || !rq->check)
		return rc;
	rc = rq->check(rq->check_arg, rs, err);
	rs->transient = rc && rc != -ENOTSUP;
	return rc;
}

int http_perform(struct http *h, const struct http_request *rq, struct http_response *rs,
		 struct error *err)
{
	struct reach reach = { 0 };

	*rs = (struct http_response){ .tries = 1 };
	return try_and_check(h, rq, clock_ms() + http_deadline_ms(rq), &reach, rs, err);
}

static bool worth_retry(const struct http_request *rq, int status)
{
	return retry_status(status) || (rq->retry_not_found && (status == 404 || status == 410));
}

int http_send(struct http *h, const struct http_request *rq, struct http_response *rs,
	      struct error *err)
{
	struct reach reach = { 0 };
	struct retry r;
	int64_t wait;
	int rc;

	retry_start(&r, rq->max_tries ? rq->max_tries : 6, http_deadline_ms(rq));
	for (*rs = (struct http_response){ 0 };;) {
		rc = try_and_check(h, rq, r.deadline_ms, &reach, rs, err);
		rs->tries = r.tries + 1;
		if (rc ? !rs->transient : !worth_retry(rq, rs->status))
			return rc;
		wait = http_pool_is_over(h) ? -1 : retry_next(&r, rs->retry_after_s);
		if (wait < 0 || is_quiet(rq, &reach, (uint64_t)wait))
			return rc;
		atomic_fetch_add(&h->retries, 1);
		http_response_free(rs);
		error_clear(err);
		http_pool_pause(h, (uint64_t)wait);
	}
}
