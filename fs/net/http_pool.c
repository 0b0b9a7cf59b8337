/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/net/http_pool.h"
#include "fs/net/retry.h"

#include <errno.h>
#include <string.h>

static void share_enter(CURL *c, curl_lock_data data, curl_lock_access access, void *arg)
{
	struct http *h = arg;

	(void)c;
	(void)access;
	pthread_mutex_lock(&h->share_lock[data]);
}

static void share_leave(CURL *c, curl_lock_data data, void *arg)
{
	struct http *h = arg;

	(void)c;
	pthread_mutex_unlock(&h->share_lock[data]);
}

static int copy_options(struct http_options *to, const struct http_options *from)
{
	if (from)
		*to = *from;
	to->ca_file = to->ca_file ? strdup(to->ca_file) : NULL;
	to->proxy = to->proxy ? strdup(to->proxy) : NULL;
	if (from && ((from->ca_file && !to->ca_file) || (from->proxy && !to->proxy)))
		return -ENOMEM;
	if (!to->connect_ms)
		to->connect_ms = 10000;
	if (!to->stall_ms)
		to->stall_ms = 30000;
	if (!to->max_requests)
		to->max_requests = 64;
	return 0;
}

static void init_locks(struct http *h)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&h->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&h->freed, &attr);
	pthread_condattr_destroy(&attr);
	for (unsigned i = 0; i < CURL_LOCK_DATA_LAST; i++)
		pthread_mutex_init(&h->share_lock[i], NULL);
}

struct http *http_new(const struct http_options *o, struct error *err)
{
	struct http *h = curl_load(err) == 0 ? calloc(1, sizeof(*h)) : NULL;

	if (!h && err && err->code == ENOTSUP)
		return NULL;
	if (!h)
		return error_null(err, ENOMEM, "no memory");
	init_locks(h);
	if (copy_options(&h->o, o) < 0 || !(h->idle = calloc(h->o.max_requests, sizeof(*h->idle))) ||
	    !(h->share = curl()->share_init())) {
		http_free(h);
		return error_null(err, ENOMEM, "no memory");
	}
	curl()->share_setopt(h->share, CURLSHOPT_LOCKFUNC, share_enter);
	curl()->share_setopt(h->share, CURLSHOPT_UNLOCKFUNC, share_leave);
	curl()->share_setopt(h->share, CURLSHOPT_USERDATA, h);
	curl()->share_setopt(h->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
	curl()->share_setopt(h->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
	if (h->o.ca_file && access(h->o.ca_file, R_OK) < 0) {
		error_null(err, errno, "the CA file cannot be read: %s", strerror(errno));
		error_object(err, "%s", h->o.ca_file);
		http_free(h);
		return NULL;
	}
	return h;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	while (h->n_idle)
		curl()->easy_cleanup(h->idle[--h->n_idle]);
	if (h->share)
		curl()->share_cleanup(h->share);
	for (unsigned i = 0; i < CURL_LOCK_DATA_LAST; i++)
		pthread_mutex_destroy(&h->share_lock[i]);
	pthread_cond_destroy(&h->freed);
	pthread_mutex_destroy(&h->lock);
	free(h->idle);
	free((char *)h->o.ca_file);
	free((char *)h->o.proxy);
	free(h);
}

void http_cancel(struct http *h)
{
	atomic_store(&h->cancelled, true);
	pthread_mutex_lock(&h->lock);
	pthread_cond_broadcast(&h->freed);
	pthread_mutex_unlock(&h->lock);
}

void http_hurry(struct http *h, unsigned ms)
{
	atomic_store(&h->end_ms, clock_ms() + ms);
}

bool http_pool_is_over(const struct http *h)
{
	uint64_t end = atomic_load(&h->end_ms);

	return end && clock_ms() > end;
}

/* With the lock held. */
static int wait_for_place(struct http *h, uint64_t deadline_ms)
{
	struct timespec t = { (time_t)(deadline_ms / 1000), (long)(deadline_ms % 1000) * 1000000 };

	while (h->active >= h->o.max_requests && !atomic_load(&h->cancelled))
		if (pthread_cond_timedwait(&h->freed, &h->lock, &t) == ETIMEDOUT)
			return -ETIMEDOUT;
	return atomic_load(&h->cancelled) ? -ECANCELED : 0;
}

CURL *http_pool_get(struct http *h, uint64_t deadline_ms, struct error *err)
{
	CURL *c = NULL;
	int rc;

	pthread_mutex_lock(&h->lock);
	rc = wait_for_place(h, deadline_ms);
	if (!rc) {
		h->active++;
		if (h->n_idle)
			c = h->idle[--h->n_idle];
	}
	pthread_mutex_unlock(&h->lock);
	if (rc)
		return error_null(err, -rc, rc == -ECANCELED ? "cancelled" :
				  "no place among %u requests became free in time", h->o.max_requests);
	if (!c)
		c = curl()->easy_init();
	if (!c) {
		http_pool_put(h, NULL);
		return error_null(err, ENOMEM, "no memory for a connection");
	}
	curl()->easy_reset(c);
	return c;
}

void http_pool_put(struct http *h, CURL *c)
{
	if (c)
		curl()->easy_reset(c);
	pthread_mutex_lock(&h->lock);
	h->active--;
	if (c)
		h->idle[h->n_idle++] = c;
	pthread_cond_signal(&h->freed);
	pthread_mutex_unlock(&h->lock);
}

void http_pool_pause(struct http *h, uint64_t ms)
{
	for (; ms && !atomic_load(&h->cancelled) && !http_pool_is_over(h); ms -= ms < 100 ? ms : 100)
		sleep_ms(ms < 100 ? ms : 100);
}

uint64_t http_pool_charge(struct http *h, size_t len)
{
	uint64_t now, wait = 0;

	atomic_fetch_add(&h->bytes_in, len);
	if (!h->o.max_bandwidth)
		return 0;
	now = clock_ms();
	pthread_mutex_lock(&h->lock);
	if (h->paid_until_ms < now)
		h->paid_until_ms = now;
	h->paid_until_ms += (uint64_t)len * 1000 / h->o.max_bandwidth;
	wait = h->paid_until_ms - now;
	pthread_mutex_unlock(&h->lock);
	return wait;
}

void http_get_stats(const struct http *h, struct http_stats *out)
{
	struct http *w = (struct http *)h;

	*out = (struct http_stats){
		.requests = atomic_load(&w->requests), .failures = atomic_load(&w->failures),
		.retries = atomic_load(&w->retries), .bytes_in = atomic_load(&w->bytes_in),
		.bytes_out = atomic_load(&w->bytes_out),
	};
}
