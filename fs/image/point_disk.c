/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/point_disk.h"
#include "fs/util/log.h"
#include "fs/vault/fetch.h"
#include "fs/vault/point_map.h"
#include "fs/vault/warm.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define AT_ONCE 64u			/* chunks of one step of a long read */
#define STEP_MAX (4u << 20)		/* bytes of it */
#define OPENING_MAX (16u << 20)		/* bytes of the opening set that are fetched at once */
#define EXPECT_AT_ONCE 512u		/* chunks of a trace that are looked up at once */
#define EXPECT_MEMORY (32u << 20)	/* bytes of it that wait for their reader in memory, where there is no disk cache */
#define EXPECT_ROUND 64u		/* chunks that are then looked up at once */
#define EXPECT_TICK_MS 50u
#define AHEAD_STEP (8u << 20)		/* bytes of which the requests ahead are planned at once */

struct pdisk {
	struct blockdev bd;
	uint32_t chunk;			/* bytes */
	struct point_map *map;
	struct fetcher *fetcher;
	struct chunk_cache *cache;
	struct fetch_pool *pool;	/* the cache's */
	struct store *st;
	struct disk_watch *watch;	/* NULL: nobody watches */
};

/* One read on its way: by which manifest, what it misses, and whether it looked for a newer one. */
struct attempt {
	const struct point_edition *at;
	struct error missing;
	bool looked;
};

static struct attempt attempt_begin(struct pdisk *d)
{
	return (struct attempt){ .at = point_map_now(d->map) };
}

/* R3: is what failed with *rc to be tried again, by the newer manifest? */
static bool again(struct pdisk *d, struct attempt *a, int *rc)
{
	char name[160], line[1600];

	if (*rc != -ENOENT)
		return false;
	if (!a->missing.code) {
		error_set(&a->missing, ENOENT, "the segment is missing");
		fetcher_missing(d->fetcher, name, sizeof(name));
		error_object(&a->missing, "%s", name);
	}
	if (a->looked) {
		log_error("%s", error_line(&a->missing, line, sizeof(line)));
		*rc = -EBADMSG;
		return false;
	}
	a->looked = true;
	*rc = point_map_renew(d->map, a->at, &a->missing);
	a->at = point_map_now(d->map);
	error_clear(&a->missing);
	return *rc == 0;
}

static int entries(struct attempt *a, uint64_t chunk, size_t n, struct map_entry *e)
{
	struct error err = ERROR_INIT;
	char line[1400];
	int rc = point_edition_entries(a->at, chunk, n, e, &err);

	if (rc == -ENOENT)
		error_copy(&a->missing, &err);
	else if (rc < 0)
		log_error("%s", error_line(&err, line, sizeof(line)));
	return rc;
}

/* What will be fetched of them, as far as somebody watches. */
static void watch_fetches(struct pdisk *d, uint64_t chunk, const struct map_entry *e, size_t n)
{
	for (size_t i = 0; d->watch && i < n; i++)
		if (e[i].ref.kind != CHUNK_ZERO && !chunk_cache_has(d->cache, &e[i].ref))
			disk_watch_fetched(d->watch, chunk + i);
}

static struct map_reader *map_now(struct pdisk *d)
{
	return point_edition_map(point_map_now(d->map));
}

struct ahead_job { struct fetch_job job; struct pdisk *d; uint64_t chunk; size_t n; };

static void ahead_run(struct fetch_job *j)
{
	struct ahead_job *a = (struct ahead_job *)j;
	AUTO(free) struct map_entry *e = malloc(a->n * sizeof(*e));

	/* What fails here is told to whoever reads it. */
	if (e && map_reader_entries(map_now(a->d), a->chunk, a->n, e, NULL) == 0) {
		watch_fetches(a->d, a->chunk, e, a->n);
		fetch_ahead(a->d->fetcher, e, a->n);
	}
	free(a);
}

static void ahead_drop(struct fetch_job *j)
{
	free(j);
}

static void fetch_range_ahead(struct pdisk *d, uint64_t from, uint64_t to)
{
	size_t step = AHEAD_STEP > d->chunk ? AHEAD_STEP / d->chunk : 1;
	uint64_t chunk = from / d->chunk, end = (to + d->chunk - 1) / d->chunk;

	while (chunk < end) {
		struct ahead_job *a = malloc(sizeof(*a));

		if (!a)
			return;
		*a = (struct ahead_job){ { NULL, d, ahead_run, ahead_drop }, d, chunk,
					 end - chunk < step ? (size_t)(end - chunk) : step };
		if (!fetch_pool_submit(d->pool, &a->job, FETCH_AHEAD)) {
			free(a);
			return;
		}
		chunk += step;
	}
}

/* [off, off + len) lies in the chunks of e[0 .. n). */
static int read_by(struct pdisk *d, struct attempt *a, uint8_t *p, size_t len, uint64_t off)
{
	struct map_entry e[AT_ONCE];
	struct chunk *k[AT_ONCE];
	uint64_t first = off / d->chunk;
	size_t n = (size_t)((off + len - 1) / d->chunk - first) + 1, skip = (size_t)(off % d->chunk);
	int rc = entries(a, first, n, e);

	if (rc == 0) {
		watch_fetches(d, first, e, n);
		rc = fetch_chunks(d->fetcher, e, n, k);
	}
	for (size_t i = 0; i < n && rc == 0; i++) {
		size_t part = d->chunk - skip < len ? d->chunk - skip : len;

		if (k[i] && d->watch)
			disk_watch_read(d->watch, first + i);
		if (k[i])
			memcpy(p, chunk_bytes(k[i]) + skip, part);
		else
			memset(p, 0, part);
		chunk_put(k[i]);
		p += part;
		len -= part;
		skip = 0;
	}
	return rc;
}

static int read_step(struct pdisk *d, uint8_t *p, size_t len, uint64_t off)
{
	struct attempt a = attempt_begin(d);
	int rc;

	do
		rc = read_by(d, &a, p, len, off);
	while (again(d, &a, &rc));
	return rc;
}

static int pdisk_pread(struct blockdev *bd, void *buf, size_t len, uint64_t off)
{
	struct pdisk *d = (struct pdisk *)bd;
	uint64_t step = (uint64_t)AT_ONCE * d->chunk < STEP_MAX ? (uint64_t)AT_ONCE * d->chunk : STEP_MAX;
	uint8_t *p = buf;
	int rc = 0;

	while (len && rc == 0) {
		uint64_t room = step - off % step;
		size_t n = room < len ? (size_t)room : len;

		rc = read_step(d, p, n, off);
		p += n;
		off += n;
		len -= n;
	}
	return rc;
}

static int pdisk_extents(struct blockdev *bd, uint64_t off, uint64_t len, extent_fn *fn, void *arg)
{
	struct pdisk *d = (struct pdisk *)bd;
	uint64_t end = off + len, at = off, start = off;
	struct attempt a = attempt_begin(d);
	bool zero = false, was_zero = false;

	while (at < end) {
		uint64_t chunk = at / d->chunk, left = (end - 1) / d->chunk - chunk + 1, n, next;
		int rc;

		do
			rc = map_reader_run(point_edition_map(a.at), chunk, left, &n, &zero, &a.missing);
		while (again(d, &a, &rc));
		if (rc == 0 && at > start && zero != was_zero) {
			rc = fn(arg, start, at - start, was_zero ? EXTENT_HOLE : EXTENT_DATA);
			start = at;
		}
		if (rc)
			return rc;
		was_zero = zero;
		next = n == left ? end : (chunk + n) * d->chunk;
		at = next < end ? next : end;
	}
	return fn(arg, start, end - start, was_zero ? EXTENT_HOLE : EXTENT_DATA);
}

static void pdisk_prefetch(struct blockdev *bd, uint64_t off, uint64_t len)
{
	fetch_range_ahead((struct pdisk *)bd, off, off + len);
}

/* n chunks of one leaf. */
static int warm_step(struct pdisk *d, uint64_t chunk, size_t n, struct map_entry *e, bool count, uint64_t *bytes)
{
	struct attempt a = attempt_begin(d);
	int rc;

	do {
		rc = entries(&a, chunk, n, e);
		if (rc == 0)
			rc = warm_chunks(d->st, d->pool, e, n, count, bytes);
	} while (again(d, &a, &rc));
	return rc;
}

/* A leaf's chunks at a time; its page comes near by being read. */
static int pdisk_warm(struct blockdev *bd, uint64_t off, uint64_t len, bool count, uint64_t *bytes)
{
	struct pdisk *d = (struct pdisk *)bd;
	uint64_t chunk = off / d->chunk, end = (off + len - 1) / d->chunk + 1;
	AUTO(free) struct map_entry *e = malloc(MAP_FANOUT * sizeof(*e));
	int rc = e ? 0 : -ENOMEM;

	while (rc == 0 && chunk < end) {
		size_t n = MAP_FANOUT - chunk % MAP_FANOUT;

		n = n < end - chunk ? n : (size_t)(end - chunk);
		rc = warm_step(d, chunk, n, e, count, bytes);
		for (size_t i = 0; rc == 0 && !count && d->watch && i < n; i++)
			if (e[i].ref.kind != CHUNK_ZERO)
				disk_watch_fetched(d->watch, chunk + i);
		chunk += n;
	}
	return rc;
}

static void pdisk_free(struct blockdev *bd)
{
	struct pdisk *d = (struct pdisk *)bd;

	if (d->pool)
		fetch_pool_cancel(d->pool, d);
	fetcher_free(d->fetcher);
	point_map_free(d->map);
	free(d);
}

static const struct blockdev_ops pdisk_ops = {
	.name = "point", .pread = pdisk_pread, .extents = pdisk_extents, .prefetch = pdisk_prefetch, .warm = pdisk_warm,
	.free = pdisk_free,
};

void point_disk_opening(struct blockdev *point_disk)
{
	struct pdisk *d = (struct pdisk *)point_disk;
	size_t max = OPENING_MAX / d->chunk, n;
	const struct opening_row *opening = point_edition_opening(point_map_now(d->map), &n);

	n = n < max ? n : max;
	AUTO(free) struct map_entry *e = n ? malloc(n * sizeof(*e)) : NULL;
	AUTO(free) struct chunk **k = n ? malloc(n * sizeof(*k)) : NULL;

	if (!e || !k)
		return;
	for (size_t i = 0; i < n; i++)
		e[i] = opening[i].entry;
	if (fetch_chunks(d->fetcher, e, n, k) == 0)
		for (size_t i = 0; i < n; i++)
			chunk_put(k[i]);
}

struct blockdev *point_disk_new(struct vault *v, const struct point *of, const struct point_disk *d,
				struct chunk_cache *cache, struct error *err)
{
	AUTO(blockdev_unref) struct blockdev *bd = NULL;
	struct pdisk *p = calloc(1, sizeof(*p));

	if (!p)
		return error_null(err, ENOMEM, "out of memory");
	blockdev_init(&p->bd, &pdisk_ops, NULL, d->size);
	bd = &p->bd;
	bd->align = d->chunk_size;
	bd->far = true;
	p->chunk = d->chunk_size;
	p->cache = cache;
	p->pool = chunk_cache_pool(cache);
	p->st = vault_store(v);
	p->map = point_map_new(v, of, d, err);
	p->fetcher = p->map ? fetcher_new(vault_store(v), vault_ring(v), cache, d->chunk_size, err) : NULL;
	return p->fetcher ? TAKE(bd) : NULL;
}

void point_disk_record(struct blockdev *point_disk, point_record_fn *fn, void *arg)
{
	point_map_record(((struct pdisk *)point_disk)->map, fn, arg);
}

void point_disk_watch(struct blockdev *point_disk, struct disk_watch *w)
{
	((struct pdisk *)point_disk)->watch = w;
	w->disk = point_disk;
}

bool point_disk_near(struct blockdev *point_disk, uint64_t chunk)
{
	struct pdisk *d = (struct pdisk *)point_disk;
	struct map_entry e;
	char name[160];

	if (!map_reader_entry_now(map_now(d), chunk, &e) || e.ref.kind == CHUNK_ZERO)
		return false;
	segment_name(e.ref.segment, name, sizeof(name));
	return chunk_cache_has(d->cache, &e.ref) || store_near(d->st, name, e.ref.off, e.ref.len);
}

/* A page of the map on its own, so that many are on the way at once. */
static void page_run(struct fetch_job *j)
{
	struct ahead_job *a = (struct ahead_job *)j;
	struct map_entry e;

	map_reader_entries(map_now(a->d), a->chunk, 1, &e, NULL);
	free(a);
}

static void fetch_page_ahead(struct pdisk *d, uint64_t chunk)
{
	struct ahead_job *a = malloc(sizeof(*a));

	if (!a)
		return;
	*a = (struct ahead_job){ { NULL, d, page_run, ahead_drop }, d, chunk, 1 };
	if (!fetch_pool_submit(d->pool, &a->job, FETCH_AHEAD))
		free(a);
}

/* A trace that is being followed, and what of it is in memory and was not read yet. */
struct expected {
	struct pdisk *d;
	const struct trace_row *row;
	size_t n, i;			/* rows; the next one */
	uint32_t at;			/* the next chunk of it */
	struct map_entry *e;		/* EXPECT_AT_ONCE of room, as number */
	uint64_t *number;
	uint64_t *unread;		/* room for all that memory takes, and one round */
	size_t n_unread;
};

static bool was_read(const struct pdisk *d, uint64_t chunk)
{
	return d->watch && disk_watch_is_read(d->watch, chunk >> d->watch->shift);
}

/* The next entries, up to max; what was read meanwhile is left out. */
static size_t expected_entries(struct expected *x, size_t max)
{
	uint64_t chunks = map_reader_chunks(map_now(x->d)), leaf = UINT64_MAX;
	struct attempt a = attempt_begin(x->d);
	size_t got = 0, k = 0;

	for (size_t r = x->i; r < x->n && k < max; k += x->row[r++].n)
		if (x->row[r].chunk < chunks && x->row[r].chunk / MAP_FANOUT != leaf) {
			leaf = x->row[r].chunk / MAP_FANOUT;
			fetch_page_ahead(x->d, x->row[r].chunk);
		}
	while (x->i < x->n && got < max) {
		uint64_t chunk = x->row[x->i].chunk + x->at;

		if (chunk < chunks && !was_read(x->d, chunk) && entries(&a, chunk, 1, &x->e[got]) == 0) {
			watch_fetches(x->d, chunk, &x->e[got], 1);
			x->number[got++] = chunk;
		}
		if (++x->at >= x->row[x->i].n) {
			x->i++;
			x->at = 0;
		}
	}
	return got;
}

/* Waits until memory takes another round.  False: stop, or nobody has read on for long. */
static bool has_room(struct expected *x, const _Atomic bool *stop)
{
	size_t most = EXPECT_MEMORY / x->d->chunk;
	struct timespec tick = { .tv_nsec = EXPECT_TICK_MS * 1000000L };

	for (unsigned ticks = 0; !atomic_load(stop) && ticks < TRACE_SECONDS * 1000 / EXPECT_TICK_MS; ticks++) {
		size_t kept = 0;

		for (size_t i = 0; i < x->n_unread; i++)
			if (!was_read(x->d, x->unread[i]))
				x->unread[kept++] = x->unread[i];
		x->n_unread = kept;
		if (kept < most)
			return true;
		if (!x->d->watch)
			return false;
		nanosleep(&tick, NULL);
	}
	return false;
}

static void expect_in_memory(struct expected *x, size_t got)
{
	fetch_ahead(x->d->fetcher, x->e, got);
	for (size_t i = 0; i < got; i++)
		if (x->e[i].ref.kind != CHUNK_ZERO)
			x->unread[x->n_unread++] = x->number[i];
}

void point_disk_expect(struct blockdev *point_disk, const struct trace_row *row, size_t n,
		       const _Atomic bool *stop)
{
	struct pdisk *d = (struct pdisk *)point_disk;
	AUTO(free) struct map_entry *e = malloc(EXPECT_AT_ONCE * sizeof(*e));
	AUTO(free) uint64_t *number = malloc(EXPECT_AT_ONCE * sizeof(*number));
	AUTO(free) uint64_t *unread = malloc((EXPECT_MEMORY / d->chunk + EXPECT_AT_ONCE) * sizeof(*unread));
	struct expected x = { .d = d, .row = row, .n = n, .e = e, .number = number, .unread = unread };
	size_t most = EXPECT_MEMORY / d->chunk < EXPECT_AT_ONCE ? EXPECT_MEMORY / d->chunk : EXPECT_AT_ONCE;
	bool in_memory = false;
	uint64_t bytes = 0;

	while (e && number && unread && x.i < n && !atomic_load(stop) && (!in_memory || has_room(&x, stop))) {
		size_t got = expected_entries(&x, in_memory && most > EXPECT_ROUND ? EXPECT_ROUND : most);
		int rc = in_memory ? -ENOTSUP : warm_chunks(d->st, d->pool, e, got, false, &bytes);

		if (rc < 0 && rc != -ENOTSUP)
			return;
		in_memory = rc == -ENOTSUP;
		if (in_memory)
			expect_in_memory(&x, got);
	}
}
