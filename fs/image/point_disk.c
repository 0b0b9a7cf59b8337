/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/point_disk.h"
#include "fs/util/log.h"
#include "fs/vault/fetch.h"
#include "fs/vault/map_reader.h"

#include <errno.h>
#include <string.h>

#define AT_ONCE 64u			/* chunks of one step of a long read */
#define STEP_MAX (4u << 20)		/* bytes of it */
#define OPENING_MAX (16u << 20)		/* bytes of the opening set that are fetched at once */
#define AHEAD_STEP (8u << 20)		/* bytes of which the requests ahead are planned at once */

struct pdisk {
	struct blockdev bd;
	uint32_t chunk;			/* bytes */
	struct map_reader *map;
	struct fetcher *fetcher;
	struct fetch_pool *pool;	/* the cache's */
	struct opening_row *opening;	/* what the manifest tells without the map */
	size_t n_opening;
	uint64_t *zeros;
	size_t n_zeros;
};

static int by_chunk(const void *key, const void *row)
{
	uint64_t a = *(const uint64_t *)key, b = *(const uint64_t *)row;

	return (a > b) - (a < b);
}

/* Entries of all n, if the opening set has them. */
static bool opening_entries(const struct pdisk *d, uint64_t chunk, size_t n, struct map_entry *e)
{
	for (size_t i = 0; i < n; i++, chunk++) {
		const struct opening_row *row = !d->n_opening ? NULL
			: bsearch(&chunk, d->opening, d->n_opening, sizeof(*row), by_chunk);

		if (row)
			e[i] = row->entry;
		else if (d->n_zeros && bsearch(&chunk, d->zeros, d->n_zeros, sizeof(chunk), by_chunk))
			memset(&e[i], 0, sizeof(e[i]));
		else
			return false;
	}
	return true;
}

static int entries(struct pdisk *d, uint64_t chunk, size_t n, struct map_entry *e)
{
	struct error err = ERROR_INIT;
	char line[1400];
	int rc;

	if (opening_entries(d, chunk, n, e))
		return 0;
	rc = map_reader_entries(d->map, chunk, n, e, &err);

	if (rc < 0)
		log_error("%s", error_line(&err, line, sizeof(line)));
	return rc;
}

struct ahead_job { struct fetch_job job; struct pdisk *d; uint64_t chunk; size_t n; };

static void ahead_run(struct fetch_job *j)
{
	struct ahead_job *a = (struct ahead_job *)j;
	AUTO(free) struct map_entry *e = malloc(a->n * sizeof(*e));

	/* What fails here is told to whoever reads it. */
	if (e && map_reader_entries(a->d->map, a->chunk, a->n, e, NULL) == 0)
		fetch_ahead(a->d->fetcher, e, a->n);
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
static int read_step(struct pdisk *d, uint8_t *p, size_t len, uint64_t off)
{
	struct map_entry e[AT_ONCE];
	struct chunk *k[AT_ONCE];
	uint64_t first = off / d->chunk;
	size_t n = (size_t)((off + len - 1) / d->chunk - first) + 1, skip = (size_t)(off % d->chunk);
	int rc = entries(d, first, n, e);

	if (rc == 0)
		rc = fetch_chunks(d->fetcher, e, n, k);
	for (size_t i = 0; i < n && rc == 0; i++) {
		size_t part = d->chunk - skip < len ? d->chunk - skip : len;

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
	bool zero = false, was_zero = false;

	while (at < end) {
		uint64_t chunk = at / d->chunk, left = (end - 1) / d->chunk - chunk + 1, n, next;
		int rc = map_reader_run(d->map, chunk, left, &n, &zero, NULL);

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

static void pdisk_free(struct blockdev *bd)
{
	struct pdisk *d = (struct pdisk *)bd;

	if (d->pool)
		fetch_pool_cancel(d->pool, d);
	fetcher_free(d->fetcher);
	map_reader_free(d->map);
	free(d->opening);
	free(d->zeros);
	free(d);
}

static const struct blockdev_ops pdisk_ops = {
	.name = "point", .pread = pdisk_pread, .extents = pdisk_extents, .prefetch = pdisk_prefetch,
	.free = pdisk_free,
};

void point_disk_opening(struct blockdev *point_disk)
{
	struct pdisk *d = (struct pdisk *)point_disk;
	size_t max = OPENING_MAX / d->chunk, n = d->n_opening < max ? d->n_opening : max;
	AUTO(free) struct map_entry *e = n ? malloc(n * sizeof(*e)) : NULL;
	AUTO(free) struct chunk **k = n ? malloc(n * sizeof(*k)) : NULL;

	if (!e || !k)
		return;
	for (size_t i = 0; i < n; i++)
		e[i] = d->opening[i].entry;
	if (fetch_chunks(d->fetcher, e, n, k) == 0)
		for (size_t i = 0; i < n; i++)
			chunk_put(k[i]);
}

static int keep_opening(struct pdisk *p, const struct point_disk *d)
{
	p->opening = calloc(d->n_opening + 1, sizeof(*p->opening));
	p->zeros = calloc(d->n_opening_zeros + 1, sizeof(*p->zeros));
	if (!p->opening || !p->zeros)
		return -ENOMEM;
	p->n_opening = d->n_opening;
	p->n_zeros = d->n_opening_zeros;
	if (d->n_opening)
		memcpy(p->opening, d->opening, d->n_opening * sizeof(*p->opening));
	if (d->n_opening_zeros)
		memcpy(p->zeros, d->opening_zeros, d->n_opening_zeros * sizeof(*p->zeros));
	return 0;
}

struct blockdev *point_disk_new(struct vault *v, const char *vm_id, const struct point_disk *d,
				struct chunk_cache *cache, struct error *err)
{
	AUTO(blockdev_unref) struct blockdev *bd = NULL;
	const struct key_ring *ring = vault_ring(v);
	struct pdisk *p;

	(void)vm_id;
	if (!ring)
		return error_null(err, ENOKEY, "disk %s can only be read with the vault's key", d->name);
	p = calloc(1, sizeof(*p));
	if (!p)
		return error_null(err, ENOMEM, "out of memory");
	blockdev_init(&p->bd, &pdisk_ops, NULL, d->size);
	bd = &p->bd;
	bd->align = d->chunk_size;
	bd->far = true;
	if (keep_opening(p, d) < 0)
		return error_null(err, ENOMEM, "out of memory");
	p->chunk = d->chunk_size;
	p->pool = chunk_cache_pool(cache);
	p->map = map_reader_new(vault_store(v), ring, d, err);
	p->fetcher = p->map ? fetcher_new(vault_store(v), ring, cache, d->chunk_size, err) : NULL;
	return p->fetcher ? TAKE(bd) : NULL;
}
