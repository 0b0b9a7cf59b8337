/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP requests over libcurl: blocking calls from any number of threads, one
 * live handle each, taken from a pool so that connections and TLS sessions are
 * kept.  Every call has a deadline.  Nothing is followed, retried or logged
 * behind the caller's back: http_perform() is one exchange, http_send() adds
 * retries by the documented rules.
 *
 * What never happens: a bearer token over plain http; plain http to anything
 * but this machine (unless allow_http) or, where a request says so, the
 * link-local address of the metadata service; credentials to a redirect's
 * target; a query in a message.
 */
#ifndef ADE_FS_NET_HTTP_H
#define ADE_FS_NET_HTTP_H

#include "crypto/cleanup.h"
#include "crypto/error.h"
#include "crypto/secret.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_options {
	const char *ca_file;		/* PEM; NULL: the system's */
	const char *proxy;		/* NULL: from the environment, as curl reads it */
	bool allow_http;		/* plain http to any host (still without bearer tokens) */
	unsigned connect_ms;		/* 0: 10,000 */
	unsigned stall_ms;		/* no byte for so long ends a try; 0: 30,000; whole seconds */
	unsigned max_requests;		/* in flight at once; 0: 64 */
	uint64_t max_bandwidth;		/* bytes a second received, all requests together; 0: any */
};

struct http_response;

/* Looks at an answer, whatever its status: 0, or -errno with words when it is not what a server
 * may send, which http_send() takes for a fault of transport: it tries again, but not after -ENOTSUP. */
typedef int http_check_fn(void *arg, const struct http_response *rs, struct error *err);

/* A piece of an answer's body, off bytes behind its beginning; a try that is made again begins at 0. */
typedef void http_part_fn(void *arg, size_t off, const void *data, size_t len);

struct http_request {
	const char *method;		/* NULL: GET */
	const char *url;
	const char *const *headers;	/* "Name: value" */
	size_t n_headers;
	const struct secret *authorization;	/* value of that header: "Bearer …"; NULL: none */
	bool bearer;			/* a bearer token travels in it: https only */
	const void *body;
	size_t body_len;
	unsigned deadline_ms;		/* for this call, retries included; 0: HTTP_DEADLINE_MS */
	unsigned quiet_ms;		/* http_send() gives up when for so long no try got further than those before; 0: never */
	unsigned max_tries;		/* http_send(); 0: 6 */
	bool retry_not_found;		/* http_send(): 404 and 410 are worth another try */
	bool link_local;		/* metadata service: plain http to 169.254.0.0/16, no proxy */
	bool secret_body;		/* the answer holds secrets: locked memory, wiped */
	void *into;			/* the body of a 2xx answer goes here, at most max_body; else allocated */
	http_part_fn *part;		/* instead: the body of a 2xx answer is handed on as it comes, and not kept */
	void *part_arg;
	size_t max_body;		/* a longer answer is an error; 0: 1 MiB */
	unsigned max_redirects;		/* GET and HEAD without credentials only; 0: none */
	http_check_fn *check;		/* NULL: none */
	void *check_arg;
};

#define HTTP_DEADLINE_MS 60000u

static inline unsigned http_deadline_ms(const struct http_request *rq)
{
	return rq->deadline_ms ? rq->deadline_ms : HTTP_DEADLINE_MS;
}

struct http_response {
	int status;
	uint8_t *body;			/* NUL-terminated when allocated; `into` otherwise; NULL: none, or handed on */
	size_t len;
	char *headers;			/* "name\0value\0…", names in lower case */
	size_t headers_len;
	int64_t retry_after_s;		/* -1: not said */
	unsigned tries;
	bool transient;			/* of a failure: another try may do */
	bool secret_body, borrowed;
};

struct http;

struct http *http_new(const struct http_options *o, struct error *err);	/* o is copied; NULL: defaults */
void http_free(struct http *h);		/* no call may be under way */
/* Make calls under way and later ones end with -ECANCELED soon. */
void http_cancel(struct http *h);
/* Whatever is asked from now on, and what is under way, ends within so many milliseconds. */
void http_hurry(struct http *h, unsigned ms);

/* One exchange.  0 when an answer came, whatever its status; else -EHOSTUNREACH
 * (no connection, TLS refused, broken off), -ETIMEDOUT, -EMSGSIZE (answer too
 * long), -EINVAL (URL or rule), -ECANCELED, -ENOMEM.  The caller calls
 * http_response_free() in every case. */
int http_perform(struct http *h, const struct http_request *rq, struct http_response *rs,
		 struct error *err);

/* The same with retries on 408, 429, 500, 502, 503, 504 and broken transport:
 * exponential with jitter, Retry-After honoured, all inside deadline_ms.  The
 * last answer comes back as it is. */
int http_send(struct http *h, const struct http_request *rq, struct http_response *rs,
	      struct error *err);

/* Borrowed; NULL: no such header.  name in lower case.  A header that came
 * more than once: the n-th, from 0. */
const char *http_header(const struct http_response *rs, const char *name);
const char *http_header_nth(const struct http_response *rs, const char *name, unsigned n);
void http_response_free(struct http_response *rs);

struct http_stats { uint64_t requests, failures, retries, bytes_in, bytes_out; };
void http_get_stats(const struct http *h, struct http_stats *out);

static inline void http_response_free_cleanup(struct http_response *rs) { http_response_free(rs); }
DEFINE_CLEANUP(struct http *, http_free);

#endif
