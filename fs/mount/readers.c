/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/mount/readers.h"
#include "fs/util/log.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#define LAST_WORDS_MS 5000	/* to take the records back, once nobody reads any more */

struct readers {
	struct vault *vault;
	pthread_mutex_t lock;		/* guards all below */
	pthread_cond_t wake;
	struct vault_session **session;
	size_t n;
	pthread_t thread;
	bool running, stop, told;
};

struct readers *readers_new(struct vault *v, struct error *err)
{
	struct readers *r = calloc(1, sizeof(*r));
	pthread_condattr_t attr;

	if (!r)
		return error_null(err, ENOMEM, "out of memory");
	r->vault = v;
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->wake, &attr);
	pthread_condattr_destroy(&attr);
	return r;
}

static void beat_all(struct readers *r)
{
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < r->n; i++)
		if (vault_session_beat(r->session[i], &err) < 0)
			log_warning("the sign of life of a mounted point cannot be renewed: %s", err.text);
}

static void *keep_alive(void *arg)
{
	struct readers *r = arg;
	struct timespec until;

	pthread_mutex_lock(&r->lock);
	while (!r->stop) {
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += SESSION_BEAT_SECONDS / 2;
		if (pthread_cond_timedwait(&r->wake, &r->lock, &until) == ETIMEDOUT)
			beat_all(r);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

/* Under the lock. */
static int keep(struct readers *r, struct vault_session *s)
{
	struct vault_session **more = realloc(r->session, (r->n + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	r->session = more;
	r->session[r->n++] = s;
	if (!r->running)
		r->running = pthread_create(&r->thread, NULL, keep_alive, r) == 0;
	return 0;
}

int readers_add(struct readers *r, const char *point_object, struct error *err)
{
	struct error why = ERROR_INIT;
	struct vault_session *s = vault_reader_begin(r->vault, point_object, &why);
	int rc = s ? 0 : -why.code;

	pthread_mutex_lock(&r->lock);
	if (s && keep(r, s) < 0) {
		vault_session_end(s);
		rc = error_set(err, ENOMEM, "out of memory");
	} else if (rc == -EROFS || rc == -EACCES || rc == -EPERM) {
		if (!r->told)
			log_warning("the vault cannot be written to (%s): a prune elsewhere does not see this mount",
				    why.text);
		r->told = true;
		rc = 0;
	} else if (rc < 0) {
		error_copy(err, &why);
	}
	pthread_mutex_unlock(&r->lock);
	return rc;
}

int readers_record(void *readers, const char *point_object, struct error *err)
{
	return readers_add(readers, point_object, err);
}

void readers_free(struct readers *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
	store_hurry(vault_store(r->vault), LAST_WORDS_MS);
	if (r->running)
		pthread_join(r->thread, NULL);
	for (size_t i = 0; i < r->n; i++)
		vault_session_end(r->session[i]);
	free(r->session);
	pthread_cond_destroy(&r->wake);
	pthread_mutex_destroy(&r->lock);
	free(r);
}
