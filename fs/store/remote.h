/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside fs/store: what all stores behind HTTP share: one request and its
 * answer, reading a range, looking at an object, walking a paged list, the
 * store's clock, deadlines.  A store adds its dialect: how a request is sent
 * and signed, what a refusal means, how a list is asked for.
 */
#ifndef ADE_FS_STORE_REMOTE_H
#define ADE_FS_STORE_REMOTE_H

#include "fs/net/http.h"
#include "fs/net/params.h"
#include "fs/store/address.h"
#include "fs/store/listing.h"
#include "fs/store/store.h"

#include <pthread.h>

#define REMOTE_LIST_MAX (32u << 20)	/* bytes of one page of a list */

/* The bytes that a GET asks for; check_range() fills in the rest. */
struct range {
	uint64_t off;
	size_t len;		/* > 0 */
	size_t got;		/* bytes in the body that are wanted */
	uint64_t total;		/* of the object */
};

/* "bytes=OFF-END" for the header. */
void range_text(const struct range *r, char out[64]);

/* http_check_fn over struct range: a 200, 206 or 416 must be what was asked for. */
int check_range(void *arg, const struct http_response *rs, struct error *err);

/* What is known of the store's clock. */
struct remote_clock {
	pthread_mutex_t lock;
	int64_t seconds;	/* 0: nothing yet */
	uint64_t at_ms;		/* clock_ms() then */
	bool answered;		/* has the store answered at all? */
	bool silent;		/* it did, but one request was given up since then */
};

void remote_clock_init(struct remote_clock *c);
void remote_clock_note(struct remote_clock *c, const struct http_response *rs);
/* A request ended without an answer. */
void remote_clock_silent(struct remote_clock *c);
/* From an answer of the last minute; false: ask the store. */
bool remote_clock_now(struct remote_clock *c, int64_t *seconds);

/* How long to go on with one request that moves len bytes.  A store that has
 * answered before is waited for through an outage of a minute and more; one
 * that never did (a name with a typing error), or that one request has been
 * waiting for in vain already, is given up soon: a command that makes one
 * request after the other would else wait as often.
 * So much for silence; while more and more bytes come it may take as long as
 * len bytes do on a slow line beside that.  base_ms: the longest; 0: as told. */
void remote_patience(struct remote_clock *c, unsigned base_ms, size_t len, struct http_request *rq);

/* Size and time of an object from the headers of HEAD.  0 or -EIO. */
int remote_object(const struct http_response *rs, const char *name, struct object *out, struct error *err);

/* Hand the page's entries to fn: those below base, by their name without it,
 * if that is an object's. */
int remote_each(const struct listing *l, const char *base, object_fn *fn, void *arg);

/* "Content-MD5: …" of what is put.  0 or -EIO. */
int remote_md5_header(const void *data, size_t len, char out[64]);

/* Words from `why` to err, -code. */
int remote_fail(struct error *err, const struct error *why);

/* One request, and its answer. */
struct remote_ask {
	const char *method;
	const char *name;		/* an object's; NULL: the container, or the top */
	const struct http_param *params;
	size_t n_params;
	const char *const *headers;	/* "Name: value" */
	size_t n_headers;
	struct http_request http;	/* body, into, check …; the deadline is remote_patience()'s */
	struct http_response rs;
	struct error why;
};

static inline void remote_ask_clear_cleanup(struct remote_ask *a) { http_response_free(&a->rs); }
#define REMOTE_ASK(a) __attribute__((cleanup(remote_ask_clear_cleanup))) struct remote_ask a = { .why = ERROR_INIT }

/* PUT_NEW was refused since the name is taken.  If that was not the first try, the first answer may have been lost:
 * is it what we sent?  1, 0, or -errno: it cannot be told. */
int remote_is_ours(struct store *st, const char *name, const struct remote_ask *a, const void *data, size_t len,
		   struct error *err);

struct remote;

struct remote_dialect {
	const char *range;		/* the header that asks for one */
	/* 0 when an answer came, into a->rs; else -errno, words in a->why. */
	int (*send)(struct remote *r, struct remote_ask *a);
	/* What an answer other than success means, in words; -errno. */
	int (*refuse)(struct remote *r, const struct remote_ask *a, struct error *err);
	/* Lists that come in pages: what asks for one, the names of the parameters for the most
	 * entries and for where the last page ended, the most that a server gives. */
	struct http_param list[2];
	size_t n_list;
	const char *most, *next, *page;
	int (*parse)(struct listing *l, const void *data, size_t len, struct error *err);
};

struct remote {			/* first member of every such store */
	struct store st;
	const struct remote_dialect *dialect;
	struct http *http;
	struct store_address at;
	struct remote_clock clock;
	unsigned deadline_ms;		/* for one request, at most; 0: the usual */
};

/* The address is taken apart, HTTP made ready.  remote_clear() whatever comes back. */
int remote_init(struct remote *r, const struct remote_dialect *d, const char *url, const struct store_options *o,
		struct error *err);
void remote_clear(struct remote *r);

/* Sends a, which moves len bytes, and notes the clock.  0 or -errno, words in a->why. */
int remote_send(struct remote *r, struct remote_ask *a, size_t len);

/* store_ops over a dialect.  remote_list() and remote_now() need lists that come in pages. */
int remote_stat(struct store *st, const char *name, struct object *out, struct error *err);
int remote_get(struct store *st, const char *name, uint64_t off, void *buf, size_t len, size_t *got,
	       struct error *err);
int remote_read(struct store *st, const char *name, uint64_t off, size_t len, struct store_sink *sink, size_t *got,
		struct error *err);
/* http_part_fn over struct store_sink. */
void remote_part(void *arg, size_t off, const void *data, size_t len);
int remote_list(struct store *st, const char *prefix, object_fn *fn, void *arg, struct error *err);
int remote_now(struct store *st, int64_t *seconds, struct error *err);
void remote_hurry(struct store *st, unsigned ms);
void remote_traffic(struct store *st, struct http_stats *out);

#endif
