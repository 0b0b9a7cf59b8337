/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/store/ahead.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define ANSWERS_MAX 16u

struct answer {
	struct answer *next;
	struct store *lower;
	enum store_expect what;
	char name[256];
	pthread_t thread;
	int rc;
	struct error err;
	void *data;			/* GET: the bytes; LIST: struct object */
	size_t len, room;		/* bytes; objects */
	struct object stat;
};

struct ahead {
	struct store st;
	struct store *lower;
	pthread_mutex_t lock;		/* guards all below */
	struct answer *answers;
	unsigned n;
};

static struct store *lower_of(struct store *st)
{
	return ((struct ahead *)st)->lower;
}

static int keep_object(void *arg, const struct object *o)
{
	struct answer *a = arg;

	if (a->len == a->room) {
		size_t room = a->room ? 2 * a->room : 64;
		void *more = realloc(a->data, room * sizeof(*o));

		if (!more)
			return -ENOMEM;
		a->data = more;
		a->room = room;
	}
	((struct object *)a->data)[a->len++] = *o;
	return 0;
}

static void *ask(void *arg)
{
	struct answer *a = arg;

	switch (a->what) {
	case EXPECT_GET:
		a->data = malloc(STORE_GET_FIRST);
		a->rc = a->data ? store_get(a->lower, a->name, 0, a->data, STORE_GET_FIRST, &a->len, &a->err) : -ENOMEM;
		break;
	case EXPECT_STAT:
		a->rc = store_stat(a->lower, a->name, &a->stat, &a->err);
		break;
	case EXPECT_LIST:
		a->rc = store_list(a->lower, a->name, keep_object, a, &a->err);
		break;
	case EXPECT_NOTHING:
		break;
	}
	return NULL;
}

/* Waits for its thread. */
static void answer_free(struct answer *a)
{
	if (!a)
		return;
	pthread_join(a->thread, NULL);
	free(a->data);
	free(a);
}

DEFINE_CLEANUP(struct answer *, answer_free);

static void forget_all(struct ahead *s)
{
	struct answer *a;

	pthread_mutex_lock(&s->lock);
	a = s->answers;
	s->answers = NULL;
	s->n = 0;
	pthread_mutex_unlock(&s->lock);
	while (a) {
		struct answer *next = a->next;

		answer_free(a);
		a = next;
	}
}

/* Under the lock.  The thread takes no signals: they are the program's. */
static void start(struct ahead *s, struct answer *a)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	rc = pthread_create(&a->thread, NULL, ask, a);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc) {
		free(a);
		return;
	}
	a->next = s->answers;
	s->answers = a;
	s->n++;
}

static void ahead_expect(struct store *st, enum store_expect what, const char *name)
{
	struct ahead *s = (struct ahead *)st;
	struct answer *a;

	if (what == EXPECT_NOTHING) {
		forget_all(s);
		return;
	}
	a = calloc(1, sizeof(*a));
	if (!a)
		return;
	a->lower = s->lower;
	a->what = what;
	snprintf(a->name, sizeof(a->name), "%s", name);
	pthread_mutex_lock(&s->lock);
	if (s->n < ANSWERS_MAX)
		start(s, a);
	else
		free(a);
	pthread_mutex_unlock(&s->lock);
}

/* The answer to such a question, no longer listed; its thread may still run.
 * Without one, NULL. */
static struct answer *take(struct store *st, enum store_expect what, const char *name)
{
	struct ahead *s = (struct ahead *)st;
	struct answer *found = NULL;

	pthread_mutex_lock(&s->lock);
	for (struct answer **p = &s->answers; *p; p = &(*p)->next) {
		bool fits = what == EXPECT_LIST ? !strncmp((*p)->name, name, strlen((*p)->name))
						: !strcmp((*p)->name, name);

		if ((*p)->what == what && fits) {
			found = *p;
			*p = found->next;
			s->n--;
			break;
		}
	}
	pthread_mutex_unlock(&s->lock);
	return found;
}

/* What changes here may not be answered from before. */
static void drop_changed(struct store *st, const char *name)
{
	struct ahead *s = (struct ahead *)st;

	pthread_mutex_lock(&s->lock);
	for (struct answer **p = &s->answers; *p;) {
		struct answer *a = *p;

		if (strncmp(a->name, name, strlen(a->name))) {
			p = &a->next;
			continue;
		}
		*p = a->next;
		s->n--;
		answer_free(a);		/* a change is rare, and so is an answer that it meets */
	}
	pthread_mutex_unlock(&s->lock);
}

static int ended(struct answer *a, struct error *err)
{
	pthread_join(a->thread, NULL);
	if (a->rc < 0)
		error_copy(err, &a->err);
	return a->rc;
}

static int ahead_get(struct store *st, const char *name, uint64_t off, void *buf, size_t len, size_t *got,
		     struct error *err)
{
	struct answer *a = off ? NULL : take(st, EXPECT_GET, name);
	bool enough;
	int rc;

	if (!a)
		return store_get(lower_of(st), name, off, buf, len, got, err);
	rc = ended(a, err);
	/* All of it, or as much as is wanted. */
	enough = rc == 0 && (a->len < STORE_GET_FIRST || len <= a->len);
	if (enough) {
		*got = len < a->len ? len : a->len;
		memcpy(buf, a->data, *got);
	}
	free(a->data);
	free(a);
	return rc < 0 || enough ? rc : store_get(lower_of(st), name, off, buf, len, got, err);
}

/* Of objects that nobody expects. */
static int ahead_read(struct store *st, const char *name, uint64_t off, size_t len, struct store_sink *sink, size_t *got,
		      struct error *err)
{
	return store_read(lower_of(st), name, off, len, sink, got, err);
}

static int ahead_put(struct store *st, const char *name, const void *data, size_t len, enum put_mode mode,
		     struct error *err)
{
	int rc = store_put(lower_of(st), name, data, len, mode, err);

	drop_changed(st, name);
	return rc;
}

static int ahead_stat(struct store *st, const char *name, struct object *out, struct error *err)
{
	struct answer *a = take(st, EXPECT_STAT, name);
	int rc;

	if (!a)
		return store_stat(lower_of(st), name, out, err);
	rc = ended(a, err);
	*out = a->stat;
	free(a);
	return rc;
}

static int ahead_list(struct store *st, const char *prefix, object_fn *fn, void *arg, struct error *err)
{
	struct answer *a = take(st, EXPECT_LIST, prefix);
	const struct object *o;
	int rc;

	if (!a)
		return store_list(lower_of(st), prefix, fn, arg, err);
	rc = ended(a, err);
	o = a->data;
	for (size_t i = 0; rc == 0 && i < a->len; i++)
		if (!strncmp(o[i].name, prefix, strlen(prefix)))
			rc = fn(arg, &o[i]);
	free(a->data);
	free(a);
	return rc;
}

static int ahead_folders(struct store *st, const char *prefix, object_fn *fn, void *arg, struct error *err)
{
	return store_folders(lower_of(st), prefix, fn, arg, err);
}

static int ahead_remove(struct store *st, const char *name, struct error *err)
{
	int rc = store_remove(lower_of(st), name, err);

	drop_changed(st, name);
	return rc;
}

static int ahead_now(struct store *st, int64_t *seconds, struct error *err)
{
	return store_now(lower_of(st), seconds, err);
}

static int ahead_settle(struct store *st, const char *prefix, struct error *err)
{
	return store_settle(lower_of(st), prefix, err);
}

static void ahead_hurry(struct store *st, unsigned ms)
{
	store_hurry(lower_of(st), ms);
}

static void ahead_traffic(struct store *st, struct http_stats *out)
{
	store_traffic(lower_of(st), out);
}

static bool ahead_near(struct store *st, const char *name, uint64_t off, size_t len)
{
	return store_near(lower_of(st), name, off, len);
}

static int ahead_warm(struct store *st, const char *name, uint64_t off, size_t len, struct error *err)
{
	return store_warm(lower_of(st), name, off, len, err);
}

static void ahead_free(struct store *st)
{
	struct ahead *s = (struct ahead *)st;

	forget_all(s);
	store_free(s->lower);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static const struct store_ops ahead_ops = {
	.scheme = "ahead", .get = ahead_get, .read = ahead_read, .put = ahead_put, .stat = ahead_stat, .list = ahead_list,
	.folders = ahead_folders, .remove = ahead_remove, .now = ahead_now, .expect = ahead_expect,
	.near = ahead_near, .warm = ahead_warm, .settle = ahead_settle, .hurry = ahead_hurry,
	.traffic = ahead_traffic, .free = ahead_free,
};

struct store *store_ahead_new(struct store *lower_taken, struct error *err)
{
	struct ahead *s;

	if (!lower_taken)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s) {
		store_free(lower_taken);
		return error_null(err, ENOMEM, "out of memory");
	}
	s->st.ops = &ahead_ops;
	s->st.conditional_put = lower_taken->conditional_put;
	s->st.far = lower_taken->far;
	s->lower = lower_taken;
	pthread_mutex_init(&s->lock, NULL);
	return &s->st;
}
