/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/store/meter.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

enum { GETS, PUTS, STATS, LISTS, REMOVES, KINDS };

struct meter {
	struct store st;
	struct store *lower;
	_Atomic uint64_t count[KINDS], bytes_in, bytes_out, missing, errors, longest_us;
	_Atomic uint64_t took[METER_BUCKETS];
	_Atomic unsigned now;
};

static struct meter *of(struct store *st)
{
	return (struct meter *)st;
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Four to a power of two. */
static unsigned bucket_of(uint64_t us)
{
	unsigned top;

	if (us < 4)
		return (unsigned)us;
	top = 63 - (unsigned)__builtin_clzll(us);
	top = top * 4 + (unsigned)(us >> (top - 2) & 3) - 4;
	return top < METER_BUCKETS ? top : METER_BUCKETS - 1;
}

/* The longest time that falls into it. */
static uint64_t bucket_end(unsigned bucket)
{
	unsigned top = (bucket + 4) / 4;

	return bucket < 4 ? bucket : ((UINT64_C(4) + bucket % 4 + 1) << (top - 2)) - 1;
}

static uint64_t begin(struct meter *m, int kind)
{
	atomic_fetch_add(&m->count[kind], 1);
	atomic_fetch_add(&m->now, 1);
	return now_us();
}

static int end(struct meter *m, uint64_t since, int rc)
{
	uint64_t us = now_us() - since, longest = atomic_load(&m->longest_us);

	atomic_fetch_add(&m->took[bucket_of(us)], 1);
	while (us > longest && !atomic_compare_exchange_weak(&m->longest_us, &longest, us))
		;
	if (rc == -ENOENT)
		atomic_fetch_add(&m->missing, 1);
	else if (rc < 0 && rc != -EEXIST)
		atomic_fetch_add(&m->errors, 1);
	atomic_fetch_sub(&m->now, 1);
	return rc;
}

static int meter_get(struct store *st, const char *name, uint64_t off, void *buf, size_t len, size_t *got,
		     struct error *err)
{
	struct meter *m = of(st);
	uint64_t t = begin(m, GETS);
	int rc = end(m, t, store_get(m->lower, name, off, buf, len, got, err));

	atomic_fetch_add(&m->bytes_in, rc < 0 ? 0 : *got);
	return rc;
}

static int meter_read(struct store *st, const char *name, uint64_t off, size_t len, struct store_sink *sink, size_t *got,
		      struct error *err)
{
	struct meter *m = of(st);
	uint64_t t = begin(m, GETS);
	int rc = end(m, t, store_read(m->lower, name, off, len, sink, got, err));

	atomic_fetch_add(&m->bytes_in, rc < 0 ? 0 : *got);
	return rc;
}

static int meter_put(struct store *st, const char *name, const void *data, size_t len, enum put_mode mode,
		     struct error *err)
{
	struct meter *m = of(st);
	uint64_t t = begin(m, PUTS);
	int rc = end(m, t, store_put(m->lower, name, data, len, mode, err));

	atomic_fetch_add(&m->bytes_out, rc < 0 ? 0 : len);
	return rc;
}

static int meter_stat(struct store *st, const char *name, struct object *out, struct error *err)
{
	uint64_t t = begin(of(st), STATS);

	return end(of(st), t, store_stat(of(st)->lower, name, out, err));
}

/* What the caller does with each object is in the time as well. */
static int meter_list(struct store *st, const char *prefix, object_fn *fn, void *arg, struct error *err)
{
	uint64_t t = begin(of(st), LISTS);

	return end(of(st), t, store_list(of(st)->lower, prefix, fn, arg, err));
}

static int meter_folders(struct store *st, const char *prefix, object_fn *fn, void *arg, struct error *err)
{
	uint64_t t;

	if (!of(st)->lower->ops->folders)
		return -ENOTSUP;
	t = begin(of(st), LISTS);
	return end(of(st), t, store_folders(of(st)->lower, prefix, fn, arg, err));
}

static int meter_remove(struct store *st, const char *name, struct error *err)
{
	uint64_t t = begin(of(st), REMOVES);

	return end(of(st), t, store_remove(of(st)->lower, name, err));
}

static int meter_now(struct store *st, int64_t *seconds, struct error *err)
{
	return store_now(of(st)->lower, seconds, err);
}

static int meter_settle(struct store *st, const char *prefix, struct error *err)
{
	return store_settle(of(st)->lower, prefix, err);
}

static void meter_hurry(struct store *st, unsigned ms)
{
	store_hurry(of(st)->lower, ms);
}

static void meter_traffic(struct store *st, struct http_stats *out)
{
	store_traffic(of(st)->lower, out);
}

static void meter_free(struct store *st)
{
	store_free(of(st)->lower);
	free(st);
}

static const struct store_ops meter_ops = {
	.scheme = "meter", .get = meter_get, .read = meter_read, .put = meter_put, .stat = meter_stat, .list = meter_list,
	.folders = meter_folders, .remove = meter_remove, .now = meter_now, .settle = meter_settle,
	.hurry = meter_hurry, .traffic = meter_traffic, .free = meter_free,
};

struct store *store_meter_new(struct store *lower_taken, struct error *err)
{
	struct meter *m;

	if (!lower_taken)
		return NULL;
	m = calloc(1, sizeof(*m));
	if (!m) {
		store_free(lower_taken);
		return error_null(err, ENOMEM, "out of memory");
	}
	m->st.ops = &meter_ops;
	m->st.conditional_put = lower_taken->conditional_put;
	m->st.far = lower_taken->far;
	m->lower = lower_taken;
	return &m->st;
}

void store_meter_stats(struct store *st, struct meter_stats *out)
{
	struct meter *m = of(st);

	*out = (struct meter_stats){
		.gets = m->count[GETS], .puts = m->count[PUTS], .stats = m->count[STATS], .lists = m->count[LISTS],
		.removes = m->count[REMOVES], .bytes_in = m->bytes_in, .bytes_out = m->bytes_out, .missing = m->missing,
		.errors = m->errors, .now = m->now, .longest_us = m->longest_us,
	};
	store_traffic(m->lower, &out->net);
	for (unsigned i = 0; i < METER_BUCKETS; i++)
		out->took[i] = atomic_load(&m->took[i]);
}

uint64_t meter_quantile(const struct meter_stats *s, double part)
{
	uint64_t all = 0, seen = 0;

	for (unsigned i = 0; i < METER_BUCKETS; i++)
		all += s->took[i];
	for (unsigned i = 0; i < METER_BUCKETS && all; i++) {
		seen += s->took[i];
		if ((double)seen >= part * (double)all)
			return bucket_end(i) < s->longest_us ? bucket_end(i) : s->longest_us;
	}
	return 0;
}
