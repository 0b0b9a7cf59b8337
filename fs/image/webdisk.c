/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/webdisk.h"
#include "fs/image/pagemap.h"
#include "fs/store/meter.h"
#include "fs/util/log.h"
#include "fs/vault/fetch_pool.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

#define RUN_CHUNKS 64u			/* of one request: 4 MiB */
#define LOGGED_MAX 100u			/* faults of one disk; the rest is not told */
#define END_BYTES (128u << 10)		/* what opening reads there: a footer, the copy of a partition table */

struct webdisk {
	struct blockdev bd;
	struct store *file, *meter;	/* the meter owns the file */
	struct chunk_cache *cache;
	struct fetch_pool *pool;	/* the cache's */
	struct pagemap *pages;		/* NULL: all is data */
	uint8_t id[SEGMENT_ID_BYTES];	/* of its chunks in the cache */
	_Atomic unsigned logged;
};

static void log_fault(struct webdisk *d, const struct error *err)
{
	char line[1400];

	if (atomic_fetch_add(&d->logged, 1) < LOGGED_MAX)
		log_error("%s", error_line(err, line, sizeof(line)));
}

static struct chunk_ref ref_of(const struct webdisk *d, uint64_t chunk)
{
	struct chunk_ref r = { .number = (uint32_t)chunk, .kind = CHUNK_RAW };

	memcpy(r.segment, d->id, sizeof(r.segment));
	return r;
}

static bool is_hole(struct webdisk *d, uint64_t chunk)
{
	return d->pages && pagemap_is_hole(d->pages, chunk);
}

static bool is_missing(struct webdisk *d, uint64_t chunk)
{
	struct chunk_ref r = ref_of(d, chunk);

	return !is_hole(d, chunk) && !chunk_cache_has(d->cache, &r);
}

/* Chunks of [first, first + n) that this thread fills, of [from, to) among them. */
struct load { struct store_sink sink; struct chunk *k[RUN_CHUNKS]; uint64_t first; size_t n, from, to; };

/* Not to be shown before all has come: only then is it known of which version it is. */
static void take_part(struct store_sink *s, size_t off, const void *data, size_t len)
{
	struct load *l = (struct load *)s;
	const uint8_t *p = data;

	while (len) {
		size_t i = l->from + off / WEBDISK_CHUNK, at = off % WEBDISK_CHUNK;
		size_t n = WEBDISK_CHUNK - at < len ? WEBDISK_CHUNK - at : len;

		if (i >= l->to)
			return;
		if (l->k[i])
			memcpy(chunk_buffer(l->k[i]) + at, p, n);
		off += n;
		p += n;
		len -= n;
	}
}

static void claim(struct webdisk *d, struct load *l)
{
	l->from = l->n;
	for (size_t i = 0; i < l->n; i++) {
		struct chunk_ref r = ref_of(d, l->first + i);
		struct chunk *k;
		int rc = chunk_cache_claim(d->cache, &r, WEBDISK_CHUNK, &k);

		if (rc == CLAIM_MINE) {
			l->k[i] = k;
			l->from = i < l->from ? i : l->from;
			l->to = i + 1;
		} else if (rc >= 0) {
			chunk_put(k);
		}
	}
}

/* Bytes of the file from the first to the last claimed chunk. */
static size_t bytes_of(const struct webdisk *d, const struct load *l)
{
	uint64_t off = (l->first + l->from) * WEBDISK_CHUNK, end = (l->first + l->to) * WEBDISK_CHUNK;

	return (size_t)((end < d->bd.size ? end : d->bd.size) - off);
}

/* Publishes all that was claimed. */
static int fill(struct webdisk *d, struct load *l)
{
	size_t len = bytes_of(d, l), got = 0;
	struct error err = ERROR_INIT;
	int rc;

	l->sink.part = take_part;
	rc = store_read(d->meter, WEBFILE_OBJECT, (l->first + l->from) * WEBDISK_CHUNK, len, &l->sink, &got, &err);
	if (rc < 0)
		log_fault(d, &err);
	for (size_t i = l->from; i < l->to; i++) {
		size_t at = (i - l->from) * WEBDISK_CHUNK, part = len - at < WEBDISK_CHUNK ? len - at : WEBDISK_CHUNK;

		if (!l->k[i])
			continue;
		if (rc == 0)
			memset(chunk_buffer(l->k[i]) + part, 0, WEBDISK_CHUNK - part);
		chunk_cache_publish(d->cache, l->k[i], rc);
		chunk_put(l->k[i]);
	}
	return rc;
}

/* The budget first: nobody may wait for a claim that waits for the budget. */
static int load_run(struct webdisk *d, uint64_t first, size_t n, enum fetch_urgency u)
{
	struct load l = { .first = first, .n = n };
	size_t bytes = n * WEBDISK_CHUNK;
	int rc = 0;

	fetch_pool_begin(d->pool, bytes, u);
	claim(d, &l);
	if (l.to)
		rc = fill(d, &l);
	fetch_pool_answered(d->pool);
	fetch_pool_end(d->pool, bytes);
	return rc;
}

/* The next run of missing chunks in [*at, end): its length; 0: none. */
static size_t next_run(struct webdisk *d, uint64_t *at, uint64_t end)
{
	size_t n = 0;

	while (*at < end && !is_missing(d, *at))
		++*at;
	while (*at + n < end && n < RUN_CHUNKS && is_missing(d, *at + n))
		n++;
	return n;
}

struct run_job { struct fetch_job job; struct webdisk *d; uint64_t first; size_t n; enum fetch_urgency urgency; };

static void run_job_run(struct fetch_job *j)
{
	struct run_job *r = (struct run_job *)j;
	uint64_t at = r->first, end = r->first + r->n;
	size_t n = next_run(r->d, &at, end);

	if (n)
		load_run(r->d, at, n, r->urgency);
	free(r);
}

static void run_job_drop(struct fetch_job *j)
{
	free(j);
}

static void submit(struct webdisk *d, uint64_t first, size_t n, enum fetch_urgency u)
{
	struct run_job *r = malloc(sizeof(*r));

	if (!r)
		return;
	*r = (struct run_job){ { NULL, d, run_job_run, run_job_drop }, d, first, n, u };
	if (!fetch_pool_submit(d->pool, &r->job, u))
		free(r);
}

/* The first run here, what lies behind a gap by other threads meanwhile. */
static int load_missing(struct webdisk *d, uint64_t first, size_t n)
{
	uint64_t at = first, end = first + n, mine;
	size_t run = next_run(d, &at, end), more;

	mine = at;
	at += run;
	while (run && (more = next_run(d, &at, end))) {
		submit(d, at, more, FETCH_DEMAND);
		at += more;
	}
	return run ? load_run(d, mine, run, FETCH_DEMAND) : 0;
}

/* Held: from the cache, from the thread that fetches it, or fetched here. */
static int hold(struct webdisk *d, uint64_t chunk, struct chunk **out)
{
	struct chunk_ref r = ref_of(d, chunk);
	int rc = chunk_cache_claim(d->cache, &r, WEBDISK_CHUNK, out);

	if (rc == CLAIM_MINE) {
		struct load l = { .k = { chunk_hold(*out) }, .first = chunk, .n = 1, .to = 1 };

		fetch_pool_join(d->pool, WEBDISK_CHUNK);
		rc = fill(d, &l);
		fetch_pool_answered(d->pool);
		fetch_pool_end(d->pool, WEBDISK_CHUNK);
	} else if (rc == CLAIM_BUSY) {
		rc = chunk_cache_wait(d->cache, *out);
	}
	if (rc < 0)
		chunk_put(TAKE(*out));
	return rc < 0 ? rc : 0;
}

/* [off, off + len) lies in at most RUN_CHUNKS chunks. */
static int read_step(struct webdisk *d, uint8_t *p, size_t len, uint64_t off)
{
	uint64_t first = off / WEBDISK_CHUNK;
	size_t n = (size_t)((off + len - 1) / WEBDISK_CHUNK - first) + 1, skip = (size_t)(off % WEBDISK_CHUNK);
	int rc = load_missing(d, first, n);

	for (size_t i = 0; i < n && rc == 0; i++) {
		size_t part = WEBDISK_CHUNK - skip < len ? WEBDISK_CHUNK - skip : len;
		AUTO(chunk_put) struct chunk *k = NULL;

		if (is_hole(d, first + i)) {
			memset(p, 0, part);
		} else {
			rc = hold(d, first + i, &k);
			if (rc == 0)
				memcpy(p, chunk_bytes(k) + skip, part);
		}
		p += part;
		len -= part;
		skip = 0;
	}
	return rc;
}

static int web_pread(struct blockdev *bd, void *buf, size_t len, uint64_t off)
{
	struct webdisk *d = (struct webdisk *)bd;
	uint64_t step = (uint64_t)RUN_CHUNKS * WEBDISK_CHUNK;
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

static int mark(void *arg, const struct page_range *r)
{
	struct webdisk *d = arg;

	pagemap_mark(d->pages, r->off, r->len);
	return 0;
}

/* Ask for the list of the window in which off lies, unless somebody has. */
static void list_window(struct webdisk *d, uint64_t off)
{
	struct error err = ERROR_INIT;
	uint64_t from, to;
	int rc;

	if (!pagemap_take(d->pages, off))
		return;
	pagemap_window(d->pages, off, &from, &to);
	rc = webfile_pages(d->file, from, to - from, NULL, mark, d, &err);
	if (rc < 0) {
		error_prefix(&err, rc, "its holes are not known, all of it will be read: ");
		log_fault(d, &err);
	}
	pagemap_filled(d->pages, off, rc == 0);
}

struct list_job { struct fetch_job job; struct webdisk *d; uint64_t off; };

static void list_job_run(struct fetch_job *j)
{
	struct list_job *l = (struct list_job *)j;

	list_window(l->d, l->off);
	free(l);
}

static void list_ahead(struct webdisk *d, uint64_t off)
{
	struct list_job *l = malloc(sizeof(*l));

	if (!l)
		return;
	*l = (struct list_job){ { NULL, d, list_job_run, run_job_drop }, d, off };
	if (!fetch_pool_submit(d->pool, &l->job, FETCH_AHEAD))
		free(l);
}

static int web_extents(struct blockdev *bd, uint64_t off, uint64_t len, extent_fn *fn, void *arg)
{
	struct webdisk *d = (struct webdisk *)bd;
	uint64_t end = off + len;
	int rc = 0;

	if (!d->pages)
		return fn(arg, off, len, EXTENT_DATA);
	while (off < end && rc == 0) {
		uint64_t from, to, next, chunk = off / WEBDISK_CHUNK;
		bool hole;

		list_window(d, off);
		pagemap_wait(d->pages, off);
		pagemap_window(d->pages, off, &from, &to);
		if (to > end)
			to = end;
		next = (chunk + pagemap_run(d->pages, chunk, (to - 1) / WEBDISK_CHUNK - chunk + 1, &hole)) *
		       WEBDISK_CHUNK;
		if (next > to)
			next = to;
		rc = fn(arg, off, next - off, hole ? EXTENT_HOLE : EXTENT_DATA);
		off = next;
	}
	return rc;
}

static void web_prefetch(struct blockdev *bd, uint64_t off, uint64_t len)
{
	struct webdisk *d = (struct webdisk *)bd;
	uint64_t at = off / WEBDISK_CHUNK, end = (off + len - 1) / WEBDISK_CHUNK + 1;
	size_t n;

	if (!len)
		return;
	if (d->pages && !pagemap_is_known(d->pages, off))
		list_ahead(d, off);
	while ((n = next_run(d, &at, end))) {
		submit(d, at, n, FETCH_AHEAD);
		at += n;
	}
}

static void web_free(struct blockdev *bd)
{
	struct webdisk *d = (struct webdisk *)bd;

	fetch_pool_cancel(d->pool, d);
	store_free(d->meter);
	pagemap_free(d->pages);
	free(d);
}

static const struct blockdev_ops web_ops = {
	.name = "web", .pread = web_pread, .extents = web_extents, .prefetch = web_prefetch, .free = web_free,
};

/* What a mount has to know, and what it need not wait for. */
static void begin(struct webdisk *d)
{
	const struct webfile_info *info = webfile_info(d->file);
	uint64_t end = info->size < END_BYTES ? info->size : END_BYTES;

	if (!info->pinned)
		log_warning("%s: the server says neither ETag nor Last-Modified: whether the file changes while it is "
			    "read cannot be seen", info->address);
	if (info->size > WEBFILE_KEPT)
		web_prefetch(&d->bd, info->size - end, end);
}

struct blockdev *webdisk_open(const char *spec, const struct store_options *o, struct chunk_cache *cache,
			      struct error *err)
{
	AUTO(free) struct webdisk *d = calloc(1, sizeof(*d));
	const struct webfile_info *info;

	if (!d)
		return error_null(err, ENOMEM, "out of memory");
	d->cache = cache;
	d->pool = chunk_cache_pool(cache);
	d->file = webfile_open(spec, o, err);
	d->meter = store_meter_new(d->file, err);
	if (!d->meter)
		return NULL;
	info = webfile_info(d->file);
	if (info->pages)
		d->pages = pagemap_new(info->size, WEBDISK_CHUNK);
	if ((info->pages && !d->pages) || getrandom(d->id, sizeof(d->id), 0) != sizeof(d->id) ||
	    info->size / WEBDISK_CHUNK >= UINT32_MAX) {
		error_set(err, info->size / WEBDISK_CHUNK >= UINT32_MAX ? EFBIG : ENOMEM, "it is too large");
		store_free(d->meter);
		pagemap_free(d->pages);
		return NULL;
	}
	blockdev_init(&d->bd, &web_ops, NULL, info->size);
	d->bd.align = WEBDISK_CHUNK;
	d->bd.far = true;
	begin(d);
	return &TAKE(d)->bd;
}

static struct webdisk *of(const struct blockdev *bd)
{
	return bd->ops == &web_ops ? (struct webdisk *)bd : NULL;
}

const struct webfile_info *webdisk_info(const struct blockdev *bd)
{
	return of(bd) ? webfile_info(of(bd)->file) : NULL;
}

struct store *webdisk_file(struct blockdev *bd)
{
	return of(bd) ? of(bd)->file : NULL;
}

struct store *webdisk_meter(struct blockdev *bd)
{
	return of(bd) ? of(bd)->meter : NULL;
}
