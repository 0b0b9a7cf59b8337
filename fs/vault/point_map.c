/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/point_map.h"
#include "fs/util/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LOOK_AGAIN 30			/* seconds for which an answer holds */
#define LOGGED_MAX 100u			/* missing segments of one disk; the rest is not told */

struct point_edition {
	struct point_edition *older;
	char manifest[192];
	struct map_reader *map;
	struct opening_row *opening;	/* what the manifest tells without the map */
	size_t n_opening;
	uint64_t *zeros;
	size_t n_zeros;
};

struct point_map {
	struct vault *vault;
	char disk[64];
	uint64_t size;
	uint32_t chunk_size;
	point_record_fn *record;
	void *arg;
	_Atomic(struct point_edition *) now;
	pthread_mutex_t lock;		/* guards all below; held while one looks, as the others want to know too */
	const struct point_edition *looked;	/* the edition that had no newer one at `when`; NULL: none */
	int verdict;
	time_t when;
	unsigned logged;
};

static void edition_free(struct point_edition *e)
{
	if (!e)
		return;
	map_reader_free(e->map);
	free(e->opening);
	free(e->zeros);
	free(e);
}

DEFINE_CLEANUP(struct point_edition *, edition_free);

static int keep_opening(struct point_edition *e, const struct point_disk *d)
{
	e->opening = calloc(d->n_opening + 1, sizeof(*e->opening));
	e->zeros = calloc(d->n_opening_zeros + 1, sizeof(*e->zeros));
	if (!e->opening || !e->zeros)
		return -ENOMEM;
	e->n_opening = d->n_opening;
	e->n_zeros = d->n_opening_zeros;
	if (d->n_opening)
		memcpy(e->opening, d->opening, d->n_opening * sizeof(*e->opening));
	if (d->n_opening_zeros)
		memcpy(e->zeros, d->opening_zeros, d->n_opening_zeros * sizeof(*e->zeros));
	return 0;
}

static struct point_edition *edition_new(struct vault *v, const struct point *p, const struct point_disk *d,
					 struct error *err)
{
	AUTO(edition_free) struct point_edition *e = calloc(1, sizeof(*e));

	if (!e || keep_opening(e, d) < 0)
		return error_null(err, ENOMEM, "out of memory");
	point_object_name(p, e->manifest, sizeof(e->manifest));
	e->map = map_reader_new(vault_store(v), vault_ring(v), d, err);
	return e->map ? TAKE(e) : NULL;
}

struct point_map *point_map_new(struct vault *v, const struct point *p, const struct point_disk *d,
				struct error *err)
{
	struct point_edition *first;
	struct point_map *m;

	if (!vault_ring(v))
		return error_null(err, ENOKEY, "disk %s can only be read with the vault's key", d->name);
	m = calloc(1, sizeof(*m));
	first = m ? edition_new(v, p, d, err) : error_null(err, ENOMEM, "out of memory");
	if (!first) {
		free(m);
		return NULL;
	}
	m->vault = v;
	snprintf(m->disk, sizeof(m->disk), "%s", d->name);
	m->size = d->size;
	m->chunk_size = d->chunk_size;
	atomic_init(&m->now, first);
	pthread_mutex_init(&m->lock, NULL);
	return m;
}

void point_map_free(struct point_map *m)
{
	struct point_edition *older;

	if (!m)
		return;
	for (struct point_edition *e = atomic_load(&m->now); e; e = older) {
		older = e->older;
		edition_free(e);
	}
	pthread_mutex_destroy(&m->lock);
	free(m);
}

void point_map_record(struct point_map *m, point_record_fn *fn, void *arg)
{
	m->record = fn;
	m->arg = arg;
}

const struct point_edition *point_map_now(struct point_map *m)
{
	return atomic_load(&m->now);
}

struct map_reader *point_edition_map(const struct point_edition *e)
{
	return e->map;
}

const struct opening_row *point_edition_opening(const struct point_edition *e, size_t *n)
{
	*n = e->n_opening;
	return e->opening;
}

static int by_chunk(const void *key, const void *row)
{
	uint64_t a = *(const uint64_t *)key, b = *(const uint64_t *)row;

	return (a > b) - (a < b);
}

/* Entries of all n, if the opening set has them. */
static bool opening_entries(const struct point_edition *e, uint64_t chunk, size_t n, struct map_entry *out)
{
	for (size_t i = 0; i < n; i++, chunk++) {
		const struct opening_row *row = !e->n_opening ? NULL
			: bsearch(&chunk, e->opening, e->n_opening, sizeof(*row), by_chunk);

		if (row)
			out[i] = row->entry;
		else if (e->n_zeros && bsearch(&chunk, e->zeros, e->n_zeros, sizeof(chunk), by_chunk))
			memset(&out[i], 0, sizeof(out[i]));
		else
			return false;
	}
	return true;
}

int point_edition_entries(const struct point_edition *e, uint64_t chunk, size_t n, struct map_entry *out,
			  struct error *err)
{
	return opening_entries(e, chunk, n, out) ? 0 : map_reader_entries(e->map, chunk, n, out, err);
}

/* R1, then R2, of the newer manifest. */
static int read_newer(struct point_map *m, const struct point_name *name, struct point **out, struct error *err)
{
	int rc = m->record ? m->record(m->arg, name->object, err) : 0;

	return rc < 0 ? rc : point_read_unmarked(m->vault, name, out, err);
}

static int look(struct point_map *m, const struct point_edition *was, struct point_edition **out, struct error *err)
{
	AUTO(point_free) struct point *p = NULL;
	const struct point_disk *d;
	struct point_name name;
	int rc = point_newest(m->vault, was->manifest, &name, err);

	if (rc == 0 && !strcmp(name.object, was->manifest))
		return error_set(err, EBADMSG, "the recovery point has no newer manifest");
	rc = rc < 0 ? rc : read_newer(m, &name, &p, err);
	if (rc < 0)
		return rc;
	d = point_find_disk(p, m->disk);
	if (!d || d->size != m->size || d->chunk_size != m->chunk_size)
		return error_set(err, EBADMSG, "the newer manifest of the recovery point has another disk '%s'", m->disk);
	*out = edition_new(m->vault, p, d, err);
	return *out ? 0 : err->code ? -err->code : -EIO;
}

static void tell(struct point_map *m, const struct point_edition *was, int rc, const struct error *why)
{
	char line[1600];

	if (rc < 0)
		log_error("%s, disk %s: a segment is missing: %s", was->manifest, m->disk, error_line(why, line, sizeof(line)));
	else
		log_info("%s: rewritten meanwhile by a compact; reading goes on by its newer manifest", was->manifest);
}

/* Under the lock: one look, whose answer holds for a while. */
static int look_once(struct point_map *m, const struct point_edition *was)
{
	struct point_edition *newer = NULL;
	struct error err = ERROR_INIT;
	struct timespec t;
	int rc;

	clock_gettime(CLOCK_MONOTONIC, &t);
	if (m->looked == was && t.tv_sec - m->when < LOOK_AGAIN)
		return m->verdict;
	rc = look(m, was, &newer, &err);
	tell(m, was, rc, &err);
	m->looked = rc == -ESTALE || rc == -EBADMSG ? was : NULL;
	m->verdict = rc;
	m->when = t.tv_sec;
	if (newer) {
		newer->older = atomic_load(&m->now);
		atomic_store(&m->now, newer);
	}
	return rc;
}

int point_map_renew(struct point_map *m, const struct point_edition *was, const struct error *missing)
{
	char line[1600];
	int rc = 0;

	pthread_mutex_lock(&m->lock);
	if (atomic_load(&m->now) == was)
		rc = look_once(m, was);
	if (rc == -EBADMSG && m->logged++ < LOGGED_MAX)
		log_error("%s", error_line(missing, line, sizeof(line)));
	pthread_mutex_unlock(&m->lock);
	return rc;
}
