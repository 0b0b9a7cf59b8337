/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/store/diskcache.h"
#include "fs/store/cachefile.h"
#include "fs/store/cachefolder.h"
#include "fs/util/log.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define OPEN_MAX_FILES 128u
#define PAUSE_SECONDS 30		/* after the disk was full */
#define APPEND_TRIES 50

struct open_file {
	struct cachefile *file;
	char name[256];
	uint64_t used;
};

struct diskcache {
	struct store st;
	struct store *lower;
	struct cachefolder *folder;
	pthread_mutex_t lock;		/* guards open, clock */
	struct open_file open[OPEN_MAX_FILES];
	uint64_t clock;
	_Atomic uint64_t hits, misses, hit_bytes, broken;
	_Atomic int64_t paused_until;
	char address[512];		/* "": objects of lists are not kept */
};

#define LISTED_TEXT (512 + 256 + 64)

static struct diskcache *of(struct store *st)
{
	return (struct diskcache *)st;
}

static bool kept(const char *name)
{
	return !strncmp(name, "seg/", 4);
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* Under the lock: its place, or the one that was used longest ago. */
static struct open_file *place_of(struct diskcache *c, const char *name)
{
	struct open_file *oldest = &c->open[0];

	for (unsigned i = 0; i < OPEN_MAX_FILES; i++) {
		if (c->open[i].file && !strcmp(c->open[i].name, name))
			return &c->open[i];
		if (c->open[i].used < oldest->used)
			oldest = &c->open[i];
	}
	return oldest;
}

/* The object's file, a new reference; NULL: there is none. */
static struct cachefile *file_of(struct diskcache *c, const char *name, bool create)
{
	struct cachefile *f = NULL;
	struct open_file *o;

	pthread_mutex_lock(&c->lock);
	o = place_of(c, name);
	if (o->file && !strcmp(o->name, name)) {
		if (!cachefile_gone(o->file))
			f = cachefile_ref(o->file);
	}
	if (!f && (f = cachefolder_file(c->folder, name, create))) {
		cachefile_unref(o->file);
		o->file = cachefile_ref(f);
		snprintf(o->name, sizeof(o->name), "%s", name);
	}
	o->used = f ? ++c->clock : o->used;
	pthread_mutex_unlock(&c->lock);
	return f;
}

/* 0, -ENOSPC.  Another process may be appending to the same file just now. */
static int keep(struct diskcache *c, const char *name, uint64_t off, const void *data, size_t len, int tries)
{
	AUTO(cachefile_unref) struct cachefile *f = NULL;
	struct timespec pause = { .tv_nsec = 10000000 };
	size_t grew = 0;
	int rc;

	if (now() < atomic_load(&c->paused_until))
		return -ENOSPC;
	f = file_of(c, name, true);
	rc = f ? cachefile_append(f, off, data, len, &grew) : -ENOSPC;
	while (rc == -EAGAIN && --tries > 0) {
		nanosleep(&pause, NULL);
		rc = cachefile_append(f, off, data, len, &grew);
	}
	if (rc < 0 && rc != -EAGAIN) {
		atomic_store(&c->paused_until, now() + PAUSE_SECONDS);
		log_warning("the disk cache takes nothing for %d s: %s", PAUSE_SECONDS, strerror(-rc));
	}
	cachefolder_grew(c->folder, grew);
	return rc < 0 ? -ENOSPC : 0;
}

/* From the folder what it has, the rest in one request. */
static int get_missing(struct diskcache *c, struct cachefile *f, const char *name, uint64_t off, uint8_t *buf,
		       size_t len, size_t *got, struct error *err)
{
	uint64_t from = off, to = off + len;
	size_t n = 0;
	int rc;

	if (f)
		cachefile_missing(f, off, len, &from, &to);
	if (f && (from > off || to < off + len) &&
	    (cachefile_read(f, off, buf, (size_t)(from - off)) < 0 ||
	     cachefile_read(f, to, buf + (to - off), (size_t)(off + len - to)) < 0)) {
		atomic_fetch_add(&c->broken, 1);
		from = off;
		to = off + len;
	}
	if (from == to) {
		*got = len;
		atomic_fetch_add(&c->hits, 1);
		atomic_fetch_add(&c->hit_bytes, len);
		return 0;
	}
	atomic_fetch_add(&c->misses, 1);
	rc = store_get(c->lower, name, from, buf + (from - off), (size_t)(to - from), &n, err);
	if (rc < 0)
		return rc;
	/* Short: the object ends there, and nothing that is cached lies behind. */
	*got = n == to - from ? len : (size_t)(from - off) + n;
	atomic_fetch_add(&c->hit_bytes, len - (to - from));
	if (n)
		keep(c, name, from, buf + (from - off), n, 1);
	return 0;
}

static int diskcache_get(struct store *st, const char *name, uint64_t off, void *buf, size_t len, size_t *got,
			 struct error *err)
{
	struct diskcache *c = of(st);
	AUTO(cachefile_unref) struct cachefile *f = NULL;

	if (!kept(name) || !len)
		return store_get(c->lower, name, off, buf, len, got, err);
	f = file_of(c, name, false);
	return get_missing(c, f, name, off, buf, len, got, err);
}

static bool diskcache_near(struct store *st, const char *name, uint64_t off, size_t len)
{
	AUTO(cachefile_unref) struct cachefile *f = kept(name) ? file_of(of(st), name, false) : NULL;
	uint64_t from, to;

	if (!f)
		return false;
	cachefile_missing(f, off, len, &from, &to);
	return from == to;
}

static int diskcache_warm(struct store *st, const char *name, uint64_t off, size_t len, struct error *err)
{
	struct diskcache *c = of(st);
	AUTO(cachefile_unref) struct cachefile *f = kept(name) ? file_of(c, name, false) : NULL;
	uint64_t from = off, to = off + len;
	AUTO(free) void *buf = NULL;
	size_t got = 0;
	int rc;

	if (!kept(name))
		return error_set(err, ENOTSUP, "only segments are cached");
	if (f)
		cachefile_missing(f, off, len, &from, &to);
	atomic_fetch_add(from == to ? &c->hits : &c->misses, 1);
	if (from == to)
		return 0;
	buf = malloc((size_t)(to - from));
	if (!buf)
		return error_set(err, ENOMEM, "out of memory");
	rc = store_get(c->lower, name, from, buf, (size_t)(to - from), &got, err);
	if (rc == 0 && got != to - from)
		rc = error_set(err, EBADMSG, "the segment ends before its chunks do");
	if (rc == 0 && keep(c, name, from, buf, got, APPEND_TRIES) < 0)
		rc = error_set(err, ENOSPC, "the disk cache takes no more");
	return rc;
}

static void listed_name(const struct diskcache *c, const struct object *o, char out[LISTED_TEXT])
{
	snprintf(out, LISTED_TEXT, "%s\n%s\n%" PRIu64 " %" PRId64, c->address, o->name, o->size, o->time);
}

/* Of two records the first try forgets the broken one. */
static bool read_listed(struct cachefile *f, const struct object *o, void *buf)
{
	return cachefile_read(f, 0, buf, (size_t)o->size) == 0 || cachefile_read(f, 0, buf, (size_t)o->size) == 0;
}

static bool diskcache_recall(struct store *st, const struct object *o, void *buf)
{
	struct diskcache *c = of(st);
	AUTO(cachefile_unref) struct cachefile *f = NULL;
	char name[LISTED_TEXT];

	listed_name(c, o, name);
	f = c->address[0] ? cachefolder_file(c->folder, name, false) : NULL;
	return f && read_listed(f, o, buf);
}

static void diskcache_keep(struct store *st, const struct object *o, const void *data)
{
	struct diskcache *c = of(st);
	AUTO(cachefile_unref) struct cachefile *f = NULL;
	AUTO(free) void *there = malloc((size_t)o->size);
	char name[LISTED_TEXT];
	size_t grew = 0;

	listed_name(c, o, name);
	f = there && c->address[0] && now() >= atomic_load(&c->paused_until) ? cachefolder_file(c->folder, name, true) : NULL;
	/* What rotted there would pass for kept until it is read. */
	if (f && !read_listed(f, o, there) && cachefile_append(f, 0, data, (size_t)o->size, &grew) == 0)
		cachefolder_grew(c->folder, grew);
}

static int diskcache_put(struct store *st, const char *name, const void *data, size_t len, enum put_mode mode,
			 struct error *err)
{
	return store_put(of(st)->lower, name, data, len, mode, err);
}

static int diskcache_stat(struct store *st, const char *name, struct object *out, struct error *err)
{
	return store_stat(of(st)->lower, name, out, err);
}

static int diskcache_list(struct store *st, const char *prefix, object_fn *fn, void *arg, struct error *err)
{
	return store_list(of(st)->lower, prefix, fn, arg, err);
}

static int diskcache_folders(struct store *st, const char *prefix, object_fn *fn, void *arg, struct error *err)
{
	return store_folders(of(st)->lower, prefix, fn, arg, err);
}

static int diskcache_remove(struct store *st, const char *name, struct error *err)
{
	if (kept(name))
		cachefolder_remove(of(st)->folder, name);
	return store_remove(of(st)->lower, name, err);
}

static int diskcache_now(struct store *st, int64_t *seconds, struct error *err)
{
	return store_now(of(st)->lower, seconds, err);
}

static int diskcache_settle(struct store *st, const char *prefix, struct error *err)
{
	return store_settle(of(st)->lower, prefix, err);
}

static void diskcache_hurry(struct store *st, unsigned ms)
{
	store_hurry(of(st)->lower, ms);
}

static void diskcache_traffic(struct store *st, struct http_stats *out)
{
	store_traffic(of(st)->lower, out);
}

static void diskcache_free(struct store *st)
{
	struct diskcache *c = of(st);

	for (unsigned i = 0; i < OPEN_MAX_FILES; i++)
		cachefile_unref(c->open[i].file);
	cachefolder_free(c->folder);
	store_free(c->lower);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static const struct store_ops diskcache_ops = {
	.scheme = "diskcache", .get = diskcache_get, .put = diskcache_put, .stat = diskcache_stat,
	.list = diskcache_list, .folders = diskcache_folders, .remove = diskcache_remove, .now = diskcache_now, .near = diskcache_near,
	.warm = diskcache_warm, .settle = diskcache_settle, .hurry = diskcache_hurry,
	.traffic = diskcache_traffic, .recall = diskcache_recall, .keep = diskcache_keep, .free = diskcache_free,
};

struct store *store_diskcache_new(struct store *lower_taken, const char *folder, uint64_t bytes, struct error *err)
{
	AUTO(store_free) struct store *lower = lower_taken;
	struct diskcache *c;

	if (!lower)
		return NULL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return error_null(err, ENOMEM, "out of memory");
	c->folder = cachefolder_open(folder, bytes ? bytes : DISKCACHE_BYTES, err);
	if (!c->folder) {
		free(c);
		return NULL;
	}
	c->st.ops = &diskcache_ops;
	c->st.conditional_put = lower->conditional_put;
	c->st.far = lower->far;
	c->lower = TAKE(lower);
	pthread_mutex_init(&c->lock, NULL);
	return &c->st;
}

void store_diskcache_listed(struct store *st, const char *address)
{
	struct diskcache *c = of(st);

	snprintf(c->address, sizeof(c->address), "%s", address);
}

void store_diskcache_stats(struct store *st, struct diskcache_stats *out)
{
	struct diskcache *c = of(st);

	*out = (struct diskcache_stats){ .hits = atomic_load(&c->hits), .misses = atomic_load(&c->misses),
					 .hit_bytes = atomic_load(&c->hit_bytes), .broken = atomic_load(&c->broken) };
	cachefolder_stats(c->folder, &out->limit, &out->used, &out->evicted);
}

uint64_t store_diskcache_room(struct store *st)
{
	return cachefolder_room(of(st)->folder);
}
