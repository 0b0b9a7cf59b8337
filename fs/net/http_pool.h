/* SPDX-License-Identifier: Apache-2.0 */
/* Inside fs/net: the pool of curl handles and the limits that all requests share. */
#ifndef ADE_FS_NET_HTTP_POOL_H
#define ADE_FS_NET_HTTP_POOL_H

#include "fs/net/curl_load.h"
#include "fs/net/http.h"

#include <pthread.h>
#include <stdatomic.h>

struct http {
	struct http_options o;		/* strings owned, defaults filled in */
	pthread_mutex_t lock;
	pthread_cond_t freed;		/* on the monotonic clock */
	CURL **idle;			/* max_requests of room */
	unsigned n_idle, active;
	uint64_t paid_until_ms;		/* bandwidth: when the bytes taken so far are worked off */
	CURLSH *share;			/* DNS answers and TLS sessions */
	pthread_mutex_t share_lock[CURL_LOCK_DATA_LAST];
	_Atomic bool cancelled;
	_Atomic uint64_t end_ms;	/* clock_ms() after which nothing goes on; 0: no such time */
	_Atomic uint64_t unreached_ms;	/* clock_ms() when a server could last not be reached; 0: never */
	_Atomic uint64_t requests, failures, retries, bytes_in, bytes_out;
};

/* A handle with its options reset, waiting for a place until deadline_ms
 * (clock_ms()).  NULL: ETIMEDOUT, ECANCELED, ENOMEM. */
CURL *http_pool_get(struct http *h, uint64_t deadline_ms, struct error *err);
void http_pool_put(struct http *h, CURL *c);

/* Is the time over that http_hurry() left? */
bool http_pool_is_over(const struct http *h);

/* Sleeps, unless all is over. */
void http_pool_pause(struct http *h, uint64_t ms);

/* Milliseconds to wait so that len more bytes stay within the bandwidth. */
uint64_t http_pool_charge(struct http *h, size_t len);

#endif
