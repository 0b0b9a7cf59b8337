/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/cutstore.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct cutstore {
	struct store *lower;
	pthread_mutex_t lock;		/* guards what follows */
	enum cut_kind kind;
	const char *prefix;
	unsigned left;			/* puts of that prefix to go */
	bool dead;
	char name[256];
	_Atomic unsigned long told;
};

struct share {
	struct store st;
	struct cutstore *c;
};

static struct cutstore *of(struct store *st)
{
	return ((struct share *)st)->c;
}

static int alive(struct store *st, struct error *err)
{
	struct cutstore *c = of(st);
	bool dead;

	pthread_mutex_lock(&c->lock);
	dead = c->dead;
	pthread_mutex_unlock(&c->lock);
	return dead ? error_set(err, EHOSTUNREACH, "the store is gone") : 0;
}

static int cut_get(struct store *st, const char *name, uint64_t off, void *buf, size_t len, size_t *got,
		   struct error *err)
{
	int rc = alive(st, err);

	return rc < 0 ? rc : store_get(of(st)->lower, name, off, buf, len, got, err);
}

static int cut_put(struct store *st, const char *name, const void *data, size_t len, enum put_mode mode,
		   struct error *err)
{
	struct cutstore *c = of(st);
	bool before, now;
	int rc;

	pthread_mutex_lock(&c->lock);
	now = !c->dead && c->left && !strncmp(name, c->prefix, strlen(c->prefix)) && --c->left == 0;
	if (now) {
		c->dead = true;
		snprintf(c->name, sizeof(c->name), "%s", name);
	}
	before = c->dead && !(now && c->kind == CUT_AFTER);
	pthread_mutex_unlock(&c->lock);
	rc = before ? 0 : store_put(c->lower, name, data, len, mode, err);
	return before || now ? error_set(err, EHOSTUNREACH, "the store is gone") : rc;
}

static int cut_stat(struct store *st, const char *name, struct object *o, struct error *err)
{
	int rc = alive(st, err);

	return rc < 0 ? rc : store_stat(of(st)->lower, name, o, err);
}

struct counting { struct cutstore *c; object_fn *fn; void *arg; };

static int count_told(void *arg, const struct object *o)
{
	struct counting *n = arg;

	n->c->told++;
	return n->fn(n->arg, o);
}

static int cut_list(struct store *st, const char *prefix, object_fn *fn, void *arg, struct error *err)
{
	struct counting n = { of(st), fn, arg };
	int rc = alive(st, err);

	return rc < 0 ? rc : store_list(of(st)->lower, prefix, count_told, &n, err);
}

static int cut_folders(struct store *st, const char *prefix, object_fn *fn, void *arg, struct error *err)
{
	int rc = alive(st, err);

	return rc < 0 ? rc : store_folders(of(st)->lower, prefix, fn, arg, err);
}

static int cut_remove(struct store *st, const char *name, struct error *err)
{
	int rc = alive(st, err);

	return rc < 0 ? rc : store_remove(of(st)->lower, name, err);
}

static int cut_now(struct store *st, int64_t *seconds, struct error *err)
{
	int rc = alive(st, err);

	return rc < 0 ? rc : store_now(of(st)->lower, seconds, err);
}

static int cut_settle(struct store *st, const char *prefix, struct error *err)
{
	int rc = alive(st, err);

	return rc < 0 ? rc : store_settle(of(st)->lower, prefix, err);
}

static void share_free(struct store *st)
{
	free(st);
}

static const struct store_ops cut_ops = {
	.scheme = "cut", .get = cut_get, .put = cut_put, .stat = cut_stat, .list = cut_list,
	.folders = cut_folders, .remove = cut_remove, .now = cut_now, .settle = cut_settle, .free = share_free,
};

struct cutstore *cutstore_over(struct store *taken)
{
	struct cutstore *c = calloc(1, sizeof(*c));

	c->lower = taken;
	pthread_mutex_init(&c->lock, NULL);
	return c;
}

struct cutstore *cutstore_new(void)
{
	return cutstore_over(store_mem());
}

void cutstore_free(struct cutstore *c)
{
	store_free(c->lower);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

struct store *cutstore_share(struct cutstore *c)
{
	struct share *s = calloc(1, sizeof(*s));

	s->st.ops = &cut_ops;
	s->st.conditional_put = true;
	s->c = c;
	return &s->st;
}

void cutstore_cut(struct cutstore *c, enum cut_kind kind, const char *prefix, unsigned n)
{
	pthread_mutex_lock(&c->lock);
	c->kind = kind;
	c->prefix = prefix;
	c->left = n;
	c->dead = false;
	c->name[0] = 0;
	pthread_mutex_unlock(&c->lock);
}

void cutstore_revive(struct cutstore *c)
{
	cutstore_cut(c, CUT_NONE, "", 0);
}

unsigned long cutstore_told(struct cutstore *c)
{
	return c->told;
}

const char *cutstore_cut_name(struct cutstore *c)
{
	return c->name;
}

void cutstore_damage(struct cutstore *c, const char *name, uint64_t off)
{
	void *data;
	size_t len;

	if (store_get_all(c->lower, name, 64u << 20, &data, &len, NULL) < 0)
		return;
	((uint8_t *)data)[off % len] ^= 0x10;
	store_put(c->lower, name, data, len, PUT_ANY, NULL);
	free(data);
}
