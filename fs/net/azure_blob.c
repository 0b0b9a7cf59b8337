/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/net/azure_blob.h"
#include "fs/net/azure_sign.h"
#include "fs/net/http_date.h"
#include "fs/net/retry.h"
#include "fs/net/url.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define API_VERSION "2021-12-02"
#define HEADERS_MAX 24

struct azure_blob {
	struct http *http;
	struct azure_cred *cred;
	char account[64], shown[80];
	char *base;			/* "https://HOST[:PORT][/PATH]", no '/' at its end */
	size_t origin_len;		/* of base, up to the path */
};

void azure_blob_free(struct azure_blob *a)
{
	if (!a)
		return;
	azure_cred_free(a->cred);
	free(a->base);
	free(a);
}

const char *azure_blob_shown(const struct azure_blob *a)
{
	return a->shown;
}

static int check_account(const char *account, struct error *err)
{
	size_t n = strlen(account);

	if (n >= 3 && n <= 50 && strspn(account, "abcdefghijklmnopqrstuvwxyz0123456789-") == n)
		return 0;
	error_set(err, EINVAL, "a storage account's name has small letters and digits: %.64s", account);
	error_next(err, "write az://ACCOUNT/CONTAINER, or az://ACCOUNT/CONTAINER/PREFIX");
	return -EINVAL;
}

/* Where the account's blobs are. */
static int set_base(struct azure_blob *a, const char *endpoint, struct error *err)
{
	struct url u;
	size_t n;

	if (endpoint)
		a->base = strdup(endpoint);
	else if (asprintf(&a->base, "https://%s.blob.core.windows.net", a->account) < 0)
		a->base = NULL;
	if (!a->base)
		return error_set(err, ENOMEM, "no memory");
	if (url_parse(a->base, &u) < 0 || u.query) {
		error_set(err, EINVAL, "the endpoint must be https://HOST or https://HOST/PATH");
		error_object(err, "%.*s", (int)strcspn(a->base, "?#"), a->base);
		return -EINVAL;
	}
	a->origin_len = (size_t)(u.path - a->base);
	for (n = strlen(a->base); n > a->origin_len && a->base[n - 1] == '/'; n--)
		a->base[n - 1] = '\0';
	return 0;
}

struct azure_blob *azure_blob_new(const struct azure_blob_options *o, struct http *http, struct error *err)
{
	AUTO(azure_blob_free) struct azure_blob *a = calloc(1, sizeof(*a));
	struct azure_cred_options cred = o->cred;
	AUTO(free) char *said = NULL;

	if (!a)
		return error_null(err, ENOMEM, "no memory");
	if (check_account(o->account, err) < 0)
		return NULL;
	snprintf(a->account, sizeof(a->account), "%s", o->account);
	snprintf(a->shown, sizeof(a->shown), "az://%s", a->account);
	a->http = http;
	cred.account = a->account;
	a->cred = azure_cred_new(&cred, http, err);
	if (!a->cred)
		return NULL;
	said = azure_cred_endpoint(a->cred);
	return set_base(a, o->endpoint ? o->endpoint : said, err) < 0 ? NULL : TAKE(a);
}

/* "BASE/PATH?QUERY[&SAS]", in locked memory since a SAS is in it, with a NUL. */
static struct secret *make_url(const struct azure_blob *a, const struct azure_request *rq, const char *path,
			       const struct secret *sas)
{
	AUTO(free) char *query = params_query(rq->params, rq->n_params);
	size_t sas_len = sas ? secret_len(sas) : 0, room;
	struct secret *url;
	char *p;
	int n;

	if (!query)
		return NULL;
	room = a->origin_len + strlen(path) + strlen(query) + sas_len + 3;
	url = secret_new(room);
	if (!url)
		return NULL;
	p = (char *)secret_data(url);
	n = snprintf(p, room, "%.*s%s%s%s%s", (int)a->origin_len, a->base, path, *query || sas_len ? "?" : "", query,
		     *query && sas_len ? "&" : "");
	if (sas_len)
		memcpy(p + n, secret_bytes(sas), sas_len);
	return url;
}

/* What the client adds to the caller's headers. */
struct headers {
	const char *list[HEADERS_MAX];
	size_t n;
	char date[16 + HTTP_DATE_TEXT];
};

static int make_headers(struct headers *h, const struct azure_request *rq)
{
	char now[HTTP_DATE_TEXT];

	if (rq->n_headers + 2 > HEADERS_MAX)
		return -EINVAL;
	http_date_print(time(NULL), now);
	snprintf(h->date, sizeof(h->date), "x-ms-date: %s", now);
	h->n = 0;
	h->list[h->n++] = h->date;
	h->list[h->n++] = "x-ms-version: " API_VERSION;
	for (size_t i = 0; i < rq->n_headers; i++)
		h->list[h->n++] = rq->headers[i];
	return 0;
}

static struct secret *sign(const struct azure_blob *a, const struct azure_request *rq, const struct headers *h,
			   const char *path, const struct secret *key)
{
	struct azure_sign_request s = {
		.method = rq->method, .account = a->account, .path = path, .params = rq->params,
		.n_params = rq->n_params, .headers = h->list, .n_headers = h->n, .body_len = rq->http.body_len,
	};

	return azure_shared_key(&s, key);
}

/* With one state of the credentials. */
static int send_with(struct azure_blob *a, const struct azure_request *rq, const char *path,
		     const struct secret *cred, struct http_response *rs, struct error *err)
{
	enum azure_cred_kind kind = azure_cred_kind(a->cred);
	AUTO(secret_free) struct secret *url = make_url(a, rq, path, kind == AZURE_SAS ? cred : NULL);
	AUTO(secret_free) struct secret *signature = NULL;
	struct http_request hq = rq->http;
	struct headers h;

	if (make_headers(&h, rq) < 0 || !url)
		return error_set(err, url ? EINVAL : ENOMEM, "the request cannot be made");
	if (kind == AZURE_KEY && !(signature = sign(a, rq, &h, path, cred)))
		return error_set(err, ENOMEM, "the request cannot be signed");
	hq.method = rq->method;
	hq.url = (const char *)secret_bytes(url);
	hq.headers = h.list;
	hq.n_headers = h.n;
	hq.bearer = kind == AZURE_BEARER;
	hq.authorization = kind == AZURE_BEARER ? cred : signature;
	return http_send(a->http, &hq, rs, err);
}

int azure_blob_send(struct azure_blob *a, const struct azure_request *rq, struct http_response *rs, struct error *err)
{
	AUTO(free) char *escaped = path_escape(rq->path), *path = NULL;
	uint64_t end = clock_ms() + http_deadline_ms(&rq->http);
	struct azure_request left = *rq;
	struct error why = ERROR_INIT;
	int rc = 0;

	*rs = (struct http_response){ 0 };
	if (!escaped || asprintf(&path, "%s/%s", a->base + a->origin_len, escaped) < 0) {
		path = NULL;
		return error_set(err, ENOMEM, "no memory");
	}
	for (int round = 0; round < 2; round++) {
		AUTO(secret_free) struct secret *cred = azure_cred_get(a->cred, &why);

		if (!cred) {
			error_copy(err, &why);
			return why.code ? -why.code : -EACCES;
		}
		http_response_free(rs);
		left.http.deadline_ms = ms_until(end);
		rc = send_with(a, &left, path, cred, rs, err);
		if (rc || (rs->status != 401 && rs->status != 403) || !azure_cred_renew(a->cred, cred))
			break;
	}
	return rc;
}

const char *azure_blob_code(const struct http_response *rs)
{
	const char *code = http_header(rs, "x-ms-error-code");

	return code ? code : "";
}

/* The server's clock, else ours. */
static int64_t time_of(const struct http_response *rs)
{
	const char *date = http_header(rs, "date");
	int64_t at;

	return date && http_date_parse(date, &at) == 0 ? at : time(NULL);
}

/* A SAS says itself when it is valid. */
static bool sas_is_over(const struct azure_blob *a, const struct http_response *rs, struct error *err)
{
	AUTO(secret_free) struct secret *sas =
		azure_cred_kind(a->cred) == AZURE_SAS ? azure_cred_get(a->cred, NULL) : NULL;
	int64_t at, now = time_of(rs);
	char text[HTTP_DATE_TEXT];

	if (sas && sas_time(sas, "se", &at) && at <= now) {
		http_date_print(at, text);
		error_set(err, EACCES, "the SAS expired on %s", text);
		error_next(err, "make a new one (az storage container generate-sas) and put it into the sas-file; "
			   "a mount reads that file again by itself");
		return true;
	}
	if (sas && sas_time(sas, "st", &at) && at > now) {
		http_date_print(at, text);
		error_set(err, EACCES, "the SAS is not valid before %s", text);
		error_next(err, "wait, or make one that starts earlier; clocks differ by minutes");
		return true;
	}
	return false;
}

static void refused(const struct azure_blob *a, const struct http_response *rs, struct error *err)
{
	const char *code = azure_blob_code(rs), *what = azure_cred_source(a->cred);
	int64_t skew = time_of(rs) - time(NULL);

	if (sas_is_over(a, rs, err))
		return;
	error_set(err, EACCES, "the storage account refuses %s (HTTP %d %s)", what, rs->status, code);
	if (skew > 600 || skew < -600)
		error_next(err, "this machine's clock differs from the server's by %lld minutes: set it",
			   (long long)(skew < 0 ? -skew : skew) / 60);
	else if (!strcmp(code, "AuthorizationPermissionMismatch") || strstr(code, "PermissionMismatch"))
		error_next(err, azure_cred_kind(a->cred) == AZURE_SAS
			   ? "make a SAS with the permissions read, write, delete, list (sp=rwdl); rl is enough to read"
			   : "give the identity the role Storage Blob Data Contributor; Reader is enough to read");
	else if (!strcmp(code, "AuthorizationFailure") || !strcmp(code, "IpAuthorizationFailure"))
		error_next(err, "see that it is for this account, allows this and is not expired, and that the "
			   "account's firewall lets this address in");
	else
		error_next(err, "see that it belongs to this storage account and was not replaced or revoked");
}

static void conflict(const struct http_response *rs, struct error *err)
{
	const char *code = azure_blob_code(rs);

	if (strstr(code, "AlreadyExists") || rs->status == 412) {
		error_set(err, EEXIST, "the name is taken");
	} else if (strstr(code, "Immutable") || strstr(code, "LegalHold") || strstr(code, "ImmutabilityPolicy")) {
		error_set(err, EACCES, "it must not be changed or deleted yet: the container keeps it (%s)", code);
	} else if (!strncmp(code, "Lease", 5)) {
		error_set(err, EBUSY, "somebody holds a lease on it (%s)", code);
		error_next(err, "break the lease: az storage blob lease break");
	} else {
		error_set(err, EBUSY, "the storage account answers: conflict (%s)", *code ? code : "HTTP 409");
	}
}

static void unknown(const struct http_response *rs, struct error *err)
{
	const char *code = azure_blob_code(rs);

	if (rs->status >= 500 || rs->status == 429 || rs->status == 408) {
		error_set(err, EHOSTUNREACH, "the storage account answers HTTP %d %s, after %u tries", rs->status, code,
			  rs->tries);
		error_next(err, "it is busy or out of order: try again later, with fewer requests at once "
			   "(max-requests=)");
	} else if (rs->status >= 300 && rs->status < 400) {
		error_set(err, EIO, "the server sends us elsewhere (HTTP %d); that is not followed", rs->status);
	} else {
		error_set(err, EIO, "the storage account answers HTTP %d %s", rs->status, code);
	}
}

int azure_blob_failure(const struct azure_blob *a, const struct azure_request *rq, const struct http_response *rs,
		       struct error *err)
{
	struct error why = ERROR_INIT;
	const char *code = azure_blob_code(rs);

	if (rs->status == 404 && !strcmp(code, "ContainerNotFound")) {
		error_set(&why, ENOENT, "there is no such container");
		error_next(&why, "check the name; `adebackup init` makes it where the credentials may, else make it with: "
			   "az storage container create");
	} else if (rs->status == 404) {
		error_set(&why, ENOENT, "no such object");
	} else if (rs->status == 401 || rs->status == 403) {
		refused(a, rs, &why);
	} else if (rs->status == 409 || rs->status == 412) {
		conflict(rs, &why);
	} else {
		unknown(rs, &why);
	}
	error_object(&why, "%s/%s", a->shown, rq->path);
	error_copy(err, &why);
	return -why.code;
}
