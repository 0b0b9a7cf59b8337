/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/net/s3.h"
#include "crypto/hash.h"
#include "fs/net/aws_sign.h"
#include "fs/net/http_date.h"
#include "fs/net/retry.h"
#include "fs/net/s3_cred.h"
#include "fs/net/url.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define HEADERS_MAX 24
#define ROUNDS 3

struct s3 {
	struct http *http;
	struct s3_cred *cred;
	char bucket[64], shown[80];
	char *endpoint;			/* NULL: Amazon's */
	pthread_mutex_t lock;
	char region[64];		/* guarded by lock: a server may name another */
};

/* All of one try that is signed. */
struct signed_request {
	const struct s3_request *rq;
	char region[64];
	char *base, *url;		/* "https://HOST[/PATH]", with path and query */
	char *path, *query;		/* encoded */
	char host[300];
	char date[16 + AMZ_DATE_TEXT], digest[24 + 2 * SHA256_BYTES + 1];
	struct secret *session;		/* "x-amz-security-token: …" with a NUL, or NULL */
	const char *headers[HEADERS_MAX];
	size_t n_headers;
};

static void signed_clear_cleanup(struct signed_request *r)
{
	free(r->base);
	free(r->url);
	free(r->path);
	free(r->query);
	secret_free(r->session);
}

void s3_free(struct s3 *s)
{
	if (!s)
		return;
	s3_cred_free(s->cred);
	pthread_mutex_destroy(&s->lock);
	free(s->endpoint);
	free(s);
}

const char *s3_shown(const struct s3 *s)
{
	return s->shown;
}

const char *s3_source(const struct s3 *s)
{
	return s3_cred_source(s->cred);
}

static const char *first_of(const char *given, const char *a, const char *b)
{
	const char *value = given;

	if (!value || !*value)
		value = getenv(a);
	if (!value || !*value)
		value = getenv(b);
	return value && *value ? value : NULL;
}

static bool region_ok(const char *region)
{
	size_t n = strlen(region);

	return n > 0 && n < 64 && strspn(region, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == n;
}

static int set_place(struct s3 *s, const struct s3_options *o, struct error *err)
{
	const char *region = first_of(o->region, "AWS_REGION", "AWS_DEFAULT_REGION");
	const char *endpoint = first_of(o->endpoint, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL");
	struct url u;
	size_t n;

	if (!region)
		region = "us-east-1";
	if (!region_ok(region))
		return error_set(err, EINVAL, "no region of S3: %.64s", region);
	snprintf(s->region, sizeof(s->region), "%s", region);
	if (!endpoint)
		return 0;
	if (url_parse(endpoint, &u) < 0 || u.query) {
		error_set(err, EINVAL, "the endpoint must be https://HOST or https://HOST/PATH");
		error_object(err, "%.*s", (int)strcspn(endpoint, "?#"), endpoint);
		return -EINVAL;
	}
	n = strlen(endpoint);
	while (n > (size_t)(u.path - endpoint) && endpoint[n - 1] == '/')
		n--;
	s->endpoint = strndup(endpoint, n);
	return s->endpoint ? 0 : error_set(err, ENOMEM, "no memory");
}

struct s3 *s3_new(const struct s3_options *o, struct http *http, struct error *err)
{
	AUTO(s3_free) struct s3 *s = calloc(1, sizeof(*s));

	if (!s)
		return error_null(err, ENOMEM, "no memory");
	pthread_mutex_init(&s->lock, NULL);
	s->http = http;
	snprintf(s->bucket, sizeof(s->bucket), "%s", o->bucket);
	snprintf(s->shown, sizeof(s->shown), "s3://%s", s->bucket);
	if (set_place(s, o, err) < 0)
		return NULL;
	s->cred = s3_cred_new(o->credentials_file, err);
	return s->cred ? TAKE(s) : NULL;
}

/* A bucket's name with dots fits no certificate of BUCKET.s3.…: then, and at a
 * named endpoint, it goes into the path. */
static int make_base(struct s3 *s, struct signed_request *r)
{
	const char *cn = strncmp(r->region, "cn-", 3) ? "" : ".cn";
	int n;

	if (s->endpoint)
		n = asprintf(&r->base, "%s/%s", s->endpoint, s->bucket);
	else if (strchr(s->bucket, '.'))
		n = asprintf(&r->base, "https://s3.%s.amazonaws.com%s/%s", r->region, cn, s->bucket);
	else
		n = asprintf(&r->base, "https://%s.s3.%s.amazonaws.com%s", s->bucket, r->region, cn);
	if (n < 0)
		r->base = NULL;
	return r->base ? 0 : -ENOMEM;
}

static int make_url(struct signed_request *r)
{
	AUTO(free) char *key = path_escape(r->rq->key ? r->rq->key : "");
	struct url u;
	int n;

	r->query = params_query(r->rq->params, r->rq->n_params);
	if (!key || !r->query || url_parse(r->base, &u) < 0)
		return -ENOMEM;
	n = (int)(u.path - strstr(r->base, "://") - 3);
	snprintf(r->host, sizeof(r->host), "%.*s", n, strstr(r->base, "://") + 3);
	if (asprintf(&r->path, "%s%s%s", u.path, r->rq->key || !*u.path ? "/" : "", key) < 0) {
		r->path = NULL;
		return -ENOMEM;
	}
	if (asprintf(&r->url, "%.*s%s%s%s", (int)(u.path - r->base), r->base, r->path, *r->query ? "?" : "",
		     r->query) < 0) {
		r->url = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int make_headers(struct signed_request *r, const struct s3_keys *keys)
{
	static const char name[] = "x-amz-security-token: ";
	char date[AMZ_DATE_TEXT], hex[2 * SHA256_BYTES + 1];
	uint8_t sum[SHA256_BYTES];
	size_t n = sizeof(name) - 1;

	if (r->rq->n_headers + 4 > HEADERS_MAX || sha256(r->rq->http.body, r->rq->http.body_len, sum) < 0)
		return -EINVAL;
	hex_encode(sum, sizeof(sum), hex);
	amz_date_print(time(NULL), date);
	snprintf(r->date, sizeof(r->date), "x-amz-date: %s", date);
	snprintf(r->digest, sizeof(r->digest), "x-amz-content-sha256: %s", hex);
	r->headers[r->n_headers++] = r->date;
	r->headers[r->n_headers++] = r->digest;
	for (size_t i = 0; i < r->rq->n_headers; i++)
		r->headers[r->n_headers++] = r->rq->headers[i];
	if (!keys->session)
		return 0;
	r->session = secret_new(n + secret_len(keys->session) + 1);
	if (!r->session)
		return -ENOMEM;
	memcpy(secret_data(r->session), name, n);
	memcpy(secret_data(r->session) + n, secret_bytes(keys->session), secret_len(keys->session));
	r->headers[r->n_headers++] = (const char *)secret_bytes(r->session);
	return 0;
}

static int prepare(struct s3 *s, struct signed_request *r, const struct s3_keys *keys, struct secret **signature)
{
	struct aws_sign_request sign = { .method = r->rq->method, .service = "s3", .key_id = keys->id };
	int rc;

	pthread_mutex_lock(&s->lock);
	memcpy(r->region, s->region, sizeof(r->region));
	pthread_mutex_unlock(&s->lock);
	rc = make_base(s, r);
	rc = rc ? rc : make_url(r);
	rc = rc ? rc : make_headers(r, keys);
	if (rc < 0)
		return rc;
	sign.host = r->host;
	sign.path = r->path;
	sign.query = r->query;
	sign.headers = r->headers;
	sign.n_headers = r->n_headers;
	sign.payload_sha256 = strchr(r->digest, ' ') + 1;
	sign.date = strchr(r->date, ' ') + 1;
	sign.region = r->region;
	*signature = aws_sign_v4(&sign, keys->key);
	return *signature ? 0 : -ENOMEM;
}

static int send_once(struct s3 *s, const struct s3_request *rq, const struct s3_keys *keys, struct http_response *rs,
		     struct error *err)
{
	__attribute__((cleanup(signed_clear_cleanup))) struct signed_request r = { .rq = rq };
	AUTO(secret_free) struct secret *signature = NULL;
	struct http_request hq = rq->http;
	char host[320];
	int rc = prepare(s, &r, keys, &signature);

	if (rc < 0)
		return error_set(err, -rc, "the request cannot be signed");
	snprintf(host, sizeof(host), "Host: %s", r.host);	/* what is signed is sent */
	r.headers[r.n_headers++] = host;
	hq.method = rq->method;
	hq.url = r.url;
	hq.headers = r.headers;
	hq.n_headers = r.n_headers;
	hq.authorization = signature;
	return http_send(s->http, &hq, rs, err);
}

/* The server says that the bucket is elsewhere. */
static bool moved(struct s3 *s, const struct http_response *rs)
{
	const char *region = http_header(rs, "x-amz-bucket-region");
	bool other = false;

	if (!region || !region_ok(region) || rs->status < 300)
		return false;
	pthread_mutex_lock(&s->lock);
	other = strcmp(s->region, region) != 0;
	snprintf(s->region, sizeof(s->region), "%s", region);
	pthread_mutex_unlock(&s->lock);
	return other;
}

static bool refused(const struct http_response *rs)
{
	return rs->status == 401 || rs->status == 403 ||
	       (rs->status == 400 && rs->body && strstr((const char *)rs->body, "<Code>ExpiredToken</Code>"));
}

int s3_send(struct s3 *s, const struct s3_request *rq, struct http_response *rs, struct error *err)
{
	uint64_t end = clock_ms() + http_deadline_ms(&rq->http);
	struct s3_request left = *rq;
	int rc = 0;

	*rs = (struct http_response){ 0 };
	for (int round = 0; round < ROUNDS; round++) {
		__attribute__((cleanup(s3_keys_clear_cleanup))) struct s3_keys keys = { .key = NULL };

		if (s3_cred_get(s->cred, &keys) < 0)
			return error_set(err, ENOMEM, "no memory");
		http_response_free(rs);
		left.http.deadline_ms = ms_until(end);
		rc = send_once(s, &left, &keys, rs, err);
		if (rc || (!moved(s, rs) && !(refused(rs) && s3_cred_renew(s->cred, &keys))))
			break;
	}
	return rc;
}
