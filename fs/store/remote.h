/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside fs/store: what all stores behind HTTP share: the check of a range's
 * answer, the store's clock, deadlines, and walking a paged list.
 */
#ifndef ADE_FS_STORE_REMOTE_H
#define ADE_FS_STORE_REMOTE_H

#include "fs/net/http.h"
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
};

void remote_clock_init(struct remote_clock *c);
void remote_clock_note(struct remote_clock *c, const struct http_response *rs);
/* From an answer of the last minute; false: ask the store. */
bool remote_clock_now(struct remote_clock *c, int64_t *seconds);

/* How long to go on with one request that moves len bytes.  A store that has
 * answered before is waited for through an outage of a minute and more, one
 * that never did (a name with a typing error) is given up soon.
 * base_ms: instead of that, beside what len bytes take; 0: as told. */
void remote_patience(struct remote_clock *c, unsigned base_ms, size_t len, struct http_request *rq);

/* Size and time of an object from the headers of HEAD.  0 or -EIO. */
int remote_object(const struct http_response *rs, const char *name, struct object *out, struct error *err);

/* Hand the page's entries to fn: those below base, by their name without it,
 * if that is an object's. */
int remote_each(const struct listing *l, const char *base, object_fn *fn, void *arg);

/* "Content-MD5: …" of what is put.  0 or -EIO. */
int remote_md5_header(const void *data, size_t len, char out[64]);

/* A put's first answer may have been lost: is what has the name what we sent? */
bool remote_is_ours(struct store *st, const char *name, const void *data, size_t len);

/* Words from `why` to err, -code. */
int remote_fail(struct error *err, const struct error *why);

#endif
