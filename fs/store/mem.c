/* SPDX-License-Identifier: Apache-2.0 */
/* A store in memory: the reference that tests compare with. */
#include "fs/store/store.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct held {
	struct held *next;
	struct object o;
	unsigned char data[];
};

struct mem_store {
	struct store st;
	pthread_mutex_t lock;	/* guards first and all behind it */
	struct held *first;
};

static struct mem_store *lock(struct store *st)
{
	struct mem_store *m = (struct mem_store *)st;

	pthread_mutex_lock(&m->lock);
	return m;
}

static int unlock(struct mem_store *m, int rc, struct error *err)
{
	pthread_mutex_unlock(&m->lock);
	return rc < 0 ? error_set(err, -rc, rc == -EEXIST ? "the name is taken" : "no such object") : rc;
}

static struct held **find(struct mem_store *m, const char *name)
{
	struct held **p = &m->first;

	while (*p && strcmp((*p)->o.name, name))
		p = &(*p)->next;
	return p;
}

static int mem_get(struct store *st, const char *name, uint64_t off, void *buf, size_t len,
		   size_t *got, struct error *err)
{
	struct mem_store *m = lock(st);
	struct held *h = *find(m, name);

	if (!h)
		return unlock(m, -ENOENT, err);
	if (off < h->o.size) {
		*got = len < h->o.size - off ? len : (size_t)(h->o.size - off);
		memcpy(buf, h->data + off, *got);
	}
	return unlock(m, 0, err);
}

static int mem_put(struct store *st, const char *name, const void *data, size_t len,
		   enum put_mode mode, struct error *err)
{
	struct held *h = malloc(sizeof(*h) + len), **at;
	struct mem_store *m;

	if (!h)
		return error_set(err, ENOMEM, "out of memory");
	snprintf(h->o.name, sizeof(h->o.name), "%s", name);
	h->o.size = len;
	h->o.time = time(NULL);
	if (len)
		memcpy(h->data, data, len);
	m = lock(st);
	at = find(m, name);
	if (*at && mode == PUT_NEW) {
		free(h);
		return unlock(m, -EEXIST, err);
	}
	h->next = *at ? (*at)->next : NULL;
	free(*at);
	*at = h;
	return unlock(m, 0, err);
}

static int mem_stat(struct store *st, const char *name, struct object *out, struct error *err)
{
	struct mem_store *m = lock(st);
	struct held *h = *find(m, name);

	if (h)
		*out = h->o;
	return unlock(m, h ? 0 : -ENOENT, err);
}

/* On a copy, so that fn may call the store. */
static int mem_list(struct store *st, const char *prefix, object_fn *fn, void *arg,
		    struct error *err)
{
	struct mem_store *m = lock(st);
	AUTO(free) struct object *all = NULL;
	size_t n = 0, i = 0;
	int rc = 0;

	for (struct held *h = m->first; h; h = h->next)
		n++;
	all = calloc(n ? n : 1, sizeof(*all));
	for (struct held *h = all ? m->first : NULL; h; h = h->next)
		all[i++] = h->o;
	unlock(m, 0, err);
	if (!all)
		return error_set(err, ENOMEM, "out of memory");
	for (i = 0; i < n && rc == 0; i++)
		if (!strncmp(all[i].name, prefix, strlen(prefix)))
			rc = fn(arg, &all[i]);
	return rc;
}

static int mem_remove(struct store *st, const char *name, struct error *err)
{
	struct mem_store *m = lock(st);
	struct held **at = find(m, name), *h = *at;

	if (h)
		*at = h->next;
	free(h);
	return unlock(m, 0, err);
}

static int mem_now(struct store *st, int64_t *seconds, struct error *err)
{
	(void)st, (void)err;
	*seconds = time(NULL);
	return 0;
}

static void mem_free(struct store *st)
{
	struct mem_store *m = (struct mem_store *)st;

	while (m->first) {
		struct held *h = m->first;

		m->first = h->next;
		free(h);
	}
	pthread_mutex_destroy(&m->lock);
	free(m);
}

static const struct store_ops mem_ops = {
	.scheme = "mem", .get = mem_get, .put = mem_put, .stat = mem_stat, .list = mem_list,
	.remove = mem_remove, .now = mem_now, .free = mem_free,
};

struct store *store_mem(void)
{
	struct mem_store *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->st.ops = &mem_ops;
	m->st.conditional_put = true;
	pthread_mutex_init(&m->lock, NULL);
	return &m->st;
}
