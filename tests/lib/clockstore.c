/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/clockstore.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct held {
	struct object o;
	unsigned char *data;
};

struct asked {
	enum clock_op op;
	char name[200];
};

struct clockstore {
	pthread_mutex_t lock;		/* guards all below */
	struct held *row;		/* sorted by name */
	size_t n, room;
	struct asked *asked;
	size_t n_asked, asked_room;
	int64_t now;
	int left;			/* changes until it stops; negative: never */
	bool stopped;
	const char *denied;
	int deny_code;
	struct { bool armed; enum clock_op op; const char *prefix; void (*fn)(void *); void *arg; } hook;
};

struct share {
	struct store st;
	struct clockstore *c;
};

static bool begins(const char *name, const char *prefix)
{
	return !strncmp(name, prefix, strlen(prefix));
}

static size_t place(const struct clockstore *c, const char *name)
{
	size_t low = 0, high = c->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (strcmp(c->row[mid].o.name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct held *find(const struct clockstore *c, const char *name)
{
	size_t i = place(c, name);

	return i < c->n && !strcmp(c->row[i].o.name, name) ? &c->row[i] : NULL;
}

/* With the lock held on return; the hook runs without it. */
static struct clockstore *enter(struct store *st, enum clock_op op, const char *name)
{
	struct clockstore *c = ((struct share *)st)->c;
	void (*fn)(void *) = NULL;
	void *arg = NULL;

	pthread_mutex_lock(&c->lock);
	if (c->hook.armed && c->hook.op == op && begins(name, c->hook.prefix)) {
		c->hook.armed = false;
		fn = c->hook.fn;
		arg = c->hook.arg;
	}
	if (fn) {
		pthread_mutex_unlock(&c->lock);
		fn(arg);
		pthread_mutex_lock(&c->lock);
	}
	if (c->n_asked == c->asked_room) {
		c->asked_room = c->asked_room ? 2 * c->asked_room : 1024;
		c->asked = realloc(c->asked, c->asked_room * sizeof(*c->asked));
	}
	c->asked[c->n_asked].op = op;
	snprintf(c->asked[c->n_asked++].name, sizeof(c->asked->name), "%.199s", name);
	return c;
}

static int leave(struct clockstore *c, int rc, struct error *err)
{
	pthread_mutex_unlock(&c->lock);
	return rc < 0 ? error_set(err, -rc, "%s", strerror(-rc)) : rc;
}

/* Is the answer to this change still heard? */
static int changed(struct clockstore *c)
{
	if (c->left > 0 && --c->left == 0)
		c->stopped = true;
	return c->stopped ? -EHOSTUNREACH : 0;
}

static int clock_get(struct store *st, const char *name, uint64_t off, void *buf, size_t len, size_t *got,
		     struct error *err)
{
	struct clockstore *c = enter(st, CLOCK_GET, name);
	struct held *h = find(c, name);

	if (h && off < h->o.size && !c->stopped) {
		*got = len < h->o.size - off ? len : (size_t)(h->o.size - off);
		memcpy(buf, h->data + off, *got);
	}
	return leave(c, c->stopped ? -EHOSTUNREACH : h ? 0 : -ENOENT, err);
}

static int clock_put(struct store *st, const char *name, const void *data, size_t len, enum put_mode mode,
		     struct error *err)
{
	struct clockstore *c = enter(st, CLOCK_PUT, name);
	struct held *h = find(c, name);
	size_t i;

	if (c->stopped || (h && mode == PUT_NEW))
		return leave(c, c->stopped ? -EHOSTUNREACH : -EEXIST, err);
	if (!h) {
		if (c->n == c->room) {
			c->room = c->room ? 2 * c->room : 256;
			c->row = realloc(c->row, c->room * sizeof(*c->row));
		}
		i = place(c, name);
		memmove(&c->row[i + 1], &c->row[i], (c->n++ - i) * sizeof(*c->row));
		h = &c->row[i];
		*h = (struct held){ .data = NULL };
		snprintf(h->o.name, sizeof(h->o.name), "%s", name);
	}
	free(h->data);
	h->data = malloc(len + 1);
	memcpy(h->data, data, len);
	h->o.size = len;
	h->o.time = c->now;
	return leave(c, changed(c), err);
}

static int clock_stat(struct store *st, const char *name, struct object *out, struct error *err)
{
	struct clockstore *c = enter(st, CLOCK_STAT, name);
	struct held *h = find(c, name);

	if (h)
		*out = h->o;
	return leave(c, c->stopped ? -EHOSTUNREACH : h ? 0 : -ENOENT, err);
}

/* On a copy, so that fn may call the store. */
static int clock_list(struct store *st, const char *prefix, object_fn *fn, void *arg, struct error *err)
{
	struct clockstore *c = enter(st, CLOCK_LIST, prefix);
	struct object *all = calloc(c->n + 1, sizeof(*all));
	size_t n = 0;
	int rc = c->stopped ? -EHOSTUNREACH : 0;

	for (size_t i = place(c, prefix); rc == 0 && i < c->n && begins(c->row[i].o.name, prefix); i++)
		all[n++] = c->row[i].o;
	rc = leave(c, rc, err);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = fn(arg, &all[i]);
	free(all);
	return rc;
}

static int clock_remove(struct store *st, const char *name, struct error *err)
{
	struct clockstore *c = enter(st, CLOCK_REMOVE, name);
	struct held *h = find(c, name);

	if (c->stopped)
		return leave(c, -EHOSTUNREACH, err);
	if (h && c->denied && begins(name, c->denied))
		return leave(c, -c->deny_code, err);
	if (h) {
		free(h->data);
		memmove(h, h + 1, (size_t)(&c->row[--c->n] - h) * sizeof(*h));
	}
	return leave(c, changed(c), err);
}

static int clock_now(struct store *st, int64_t *seconds, struct error *err)
{
	struct clockstore *c = ((struct share *)st)->c;

	pthread_mutex_lock(&c->lock);
	*seconds = c->now;
	return leave(c, c->stopped ? -EHOSTUNREACH : 0, err);
}

static void share_free(struct store *st)
{
	free(st);
}

static const struct store_ops clock_ops = {
	.scheme = "clock", .get = clock_get, .put = clock_put, .stat = clock_stat, .list = clock_list,
	.remove = clock_remove, .now = clock_now, .free = share_free,
};

struct clockstore *clockstore_new(int64_t now)
{
	struct clockstore *c = calloc(1, sizeof(*c));

	c->now = now;
	c->left = -1;
	pthread_mutex_init(&c->lock, NULL);
	return c;
}

struct clockstore *clockstore_copy(struct clockstore *from)
{
	struct clockstore *c = clockstore_new(from->now);

	c->n = c->room = from->n;
	c->row = calloc(c->n + 1, sizeof(*c->row));
	for (size_t i = 0; i < c->n; i++) {
		c->row[i].o = from->row[i].o;
		c->row[i].data = malloc(c->row[i].o.size + 1);
		memcpy(c->row[i].data, from->row[i].data, c->row[i].o.size);
	}
	return c;
}

void clockstore_free(struct clockstore *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->row[i].data);
	free(c->row);
	free(c->asked);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

struct store *clockstore_share(struct clockstore *c)
{
	struct share *s = calloc(1, sizeof(*s));

	s->st.ops = &clock_ops;
	s->st.conditional_put = true;
	s->c = c;
	return &s->st;
}

void clockstore_advance(struct clockstore *c, int64_t seconds)
{
	pthread_mutex_lock(&c->lock);
	c->now += seconds;
	pthread_mutex_unlock(&c->lock);
}

int64_t clockstore_now(struct clockstore *c)
{
	return c->now;
}

unsigned clockstore_count(struct clockstore *c, enum clock_op op, const char *prefix)
{
	unsigned n = 0;

	for (size_t i = 0; i < c->n_asked; i++)
		n += c->asked[i].op == op && begins(c->asked[i].name, prefix);
	return n;
}

void clockstore_reset(struct clockstore *c)
{
	c->n_asked = 0;
}

void clockstore_stop_after(struct clockstore *c, int n)
{
	pthread_mutex_lock(&c->lock);
	c->left = n;
	c->stopped = n == 0;
	pthread_mutex_unlock(&c->lock);
}

bool clockstore_has_stopped(struct clockstore *c)
{
	return c->stopped;
}

void clockstore_deny(struct clockstore *c, const char *prefix, int code)
{
	c->denied = prefix;
	c->deny_code = code;
}

void clockstore_before(struct clockstore *c, enum clock_op op, const char *prefix, void (*fn)(void *), void *arg)
{
	c->hook.op = op;
	c->hook.prefix = prefix;
	c->hook.fn = fn;
	c->hook.arg = arg;
	c->hook.armed = true;
}

void clockstore_damage(struct clockstore *c, const char *name, uint64_t off)
{
	struct held *h = find(c, name);

	if (h && off < h->o.size)
		h->data[off] ^= 1;
}

void clockstore_set_time(struct clockstore *c, const char *prefix, int64_t time)
{
	for (size_t i = 0; i < c->n; i++)
		if (begins(c->row[i].o.name, prefix))
			c->row[i].o.time = time;
}

size_t clockstore_objects(struct clockstore *c, const char *prefix, uint64_t *bytes)
{
	size_t n = 0;

	if (bytes)
		*bytes = 0;
	for (size_t i = 0; i < c->n; i++) {
		if (!begins(c->row[i].o.name, prefix))
			continue;
		n++;
		if (bytes)
			*bytes += c->row[i].o.size;
	}
	return n;
}
