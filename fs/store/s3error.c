/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/store/s3error.h"
#include "fs/net/http_date.h"
#include "fs/store/xml.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* One line of printable text: it goes to a terminal. */
static void keep(char *to, size_t room, const char *text)
{
	snprintf(to, room, "%s", text);
	for (char *p = to; *p; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x7f)
			*p = '?';
}

static int on_element(void *arg, const char *path, const char *text)
{
	struct s3_error *e = arg;

	if (!strcmp(path, "Error/Code"))
		keep(e->code, sizeof(e->code), text);
	else if (!strcmp(path, "Error/Message"))
		keep(e->message, sizeof(e->message), text);
	else if (!strcmp(path, "Error/Region"))
		keep(e->region, sizeof(e->region), text);
	return 0;
}

void s3_error_parse(const void *body, size_t len, struct s3_error *out)
{
	*out = (struct s3_error){ .code = "" };
	if (!body || !len || xml_walk(body, len, on_element, out, NULL) < 0)
		*out = (struct s3_error){ .code = "" };
}

static void refused(const struct s3 *s, const struct http_response *rs, const struct s3_error *e, struct error *err)
{
	const char *date = http_header(rs, "date");
	int64_t at = 0, now = time(NULL);

	error_set(err, EACCES, "the bucket refuses the access key of %s (HTTP %d %s)", s3_source(s), rs->status, e->code);
	if (date && http_date_parse(date, &at) == 0 && (at - now > 600 || now - at > 600))
		error_next(err, "this machine's clock differs from the server's by %lld minutes: set it",
			   (long long)(at > now ? at - now : now - at) / 60);
	else if (!strcmp(e->code, "ExpiredToken"))
		error_next(err, "the session token has expired: put a new one into the credentials file; a mount reads "
			   "that file again by itself");
	else if (!strcmp(e->code, "SignatureDoesNotMatch") || !strcmp(e->code, "InvalidAccessKeyId"))
		error_next(err, "see that access key and secret key belong together and to this server");
	else
		error_next(err, "its policy must allow s3:GetObject and s3:ListBucket, to write s3:PutObject and "
			   "s3:DeleteObject too");
}

static void missing(const struct s3_request *rq, const struct s3_error *e, struct error *err)
{
	if (!strcmp(e->code, "NoSuchBucket") || !rq->key) {
		error_set(err, ENOENT, "there is no such bucket");
		error_next(err, "check the name and the region (s3-region=), or make it: aws s3 mb");
	} else {
		error_set(err, ENOENT, "no such object");
	}
}

static void elsewhere(const struct http_response *rs, const struct s3_error *e, struct error *err)
{
	const char *region = http_header(rs, "x-amz-bucket-region");

	error_set(err, EINVAL, "the bucket is in another region (HTTP %d %s)", rs->status, e->code);
	if (!region && e->region[0])
		region = e->region;
	error_next(err, "give s3-region=%s", region ? region : "REGION");
}

static void other(const struct http_response *rs, const struct s3_error *e, struct error *err)
{
	if (rs->status >= 500 || rs->status == 429 || rs->status == 408) {
		error_set(err, EHOSTUNREACH, "the bucket's server answers HTTP %d %s, after %u tries", rs->status, e->code,
			  rs->tries);
		error_next(err, "it is busy or out of order: try again later, with fewer requests at once "
			   "(max-requests=)");
	} else {
		error_set(err, EIO, "the bucket's server answers HTTP %d %s %s", rs->status, e->code, e->message);
	}
}

int s3_failure(const struct s3 *s, const struct s3_request *rq, const struct http_response *rs, struct error *err)
{
	struct error why = ERROR_INIT;
	struct s3_error e;

	s3_error_parse(rs->borrowed ? NULL : rs->body, rs->borrowed ? 0 : rs->len, &e);
	if (rs->status == 404)
		missing(rq, &e, &why);
	else if (rs->status == 301 || rs->status == 307 || !strcmp(e.code, "AuthorizationHeaderMalformed"))
		elsewhere(rs, &e, &why);
	else if (rs->status == 401 || rs->status == 403 || !strcmp(e.code, "ExpiredToken"))
		refused(s, rs, &e, &why);
	else if (rs->status == 412 || rs->status == 304)
		error_set(&why, EEXIST, "the name is taken");
	else if (rs->status == 409)
		error_set(&why, EBUSY, "the bucket's server answers: conflict (%s)", e.code[0] ? e.code : "HTTP 409");
	else
		other(rs, &e, &why);
	if (rq->key)
		error_object(&why, "%s/%s", s3_shown(s), rq->key);
	else
		error_object(&why, "%s", s3_shown(s));
	error_copy(err, &why);
	return -why.code;
}
