/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/backup/disk_backup.h"
#include "fs/backup/map_tree.h"
#include "fs/backup/sealer.h"
#include "fs/vault/map_reader.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define READ_BYTES (1u << 20)		/* of one read, or a chunk where that is more */
#define AHEAD_BYTES (4u << 20)		/* of a source that is far: asked for before it is read */
#define THREADS_MAX 64u
#define TICK_MS 200

struct job {
	const struct disk_backup *b;
	uint64_t leaf_bytes;
	struct map_tree *tree;
	pthread_mutex_t lock;		/* guards what follows */
	pthread_cond_t done;		/* a thread has ended */
	uint64_t next;			/* byte where nobody has looked yet */
	unsigned working;
};

struct worker {
	struct job *job;
	struct sealer *sealer;
	struct parent_map *parent;	/* NULL: none */
	uint8_t *buf;			/* of read_chunks chunks */
	uint64_t read_chunks;
	uint64_t first;			/* chunk of the leaf at hand */
	uint64_t seen;			/* chunks before this are in entries */
	struct map_entry *entries;
	struct error err;
};

/* The first data from there on: 1 with its offset, 0: none. */
struct seek { uint64_t off; };

static int seek_extent(void *arg, uint64_t off, uint64_t len, enum extent_type type)
{
	(void)len;
	if (type == EXTENT_HOLE)
		return 0;
	((struct seek *)arg)->off = off;
	return 1;
}

/* The next leaf with data: 1 with its first byte; 0: no more. */
static int next_leaf(struct job *j, uint64_t *begin)
{
	struct seek s = { 0 };
	uint64_t size = j->b->source->size, from;
	int rc;

	pthread_mutex_lock(&j->lock);
	from = j->next;
	rc = from < size ? blockdev_extents(j->b->source, from, size - from, seek_extent, &s) : 0;
	if (rc == 1) {
		*begin = s.off - s.off % j->leaf_bytes;
		j->next = *begin + j->leaf_bytes;
	} else {
		j->next = from > size ? from : size;	/* the last leaf ends behind it */
	}
	atomic_fetch_add(&j->b->run->read_bytes, (rc == 1 ? *begin : j->next) - from);
	pthread_mutex_unlock(&j->lock);
	return rc;
}

static int take_chunk(struct worker *w, uint64_t chunk, const uint8_t *bytes)
{
	struct map_entry old = { .ref.kind = CHUNK_ZERO };
	int rc = w->parent ? parent_map_entry(w->parent, chunk, &old) : 0;

	return rc < 0 ? rc : sealer_take(w->sealer, bytes, &old, &w->entries[chunk - w->first], &w->err);
}

/* What comes next is on the way while this is packed. */
static void read_ahead(struct blockdev *source, uint64_t off, uint64_t end)
{
	if (end > source->size)
		end = source->size;
	if (source->far && off < end)
		blockdev_prefetch(source, off, end - off < AHEAD_BYTES ? end - off : AHEAD_BYTES);
}

/* May the chunk stay as the parent has it?  What the parent does not have, or
 * could not tell, is read. */
static bool is_kept(struct worker *w, uint64_t chunk)
{
	struct pagemap *changed = w->job->b->changed;

	return changed && w->parent && pagemap_is_hole(changed, chunk);
}

/* How many chunks from `from` on the parent's entries do for. */
static uint64_t keep_chunks(struct worker *w, uint64_t from, uint64_t to, int *rc)
{
	const struct disk_backup *b = w->job->b;
	uint64_t n = 0;

	while (*rc == 0 && from + n < to && is_kept(w, from + n)) {
		struct map_entry old;

		*rc = parent_map_entry(w->parent, from + n, &old);
		if (*rc < 0 || !sealer_keep(w->sealer, &old))
			break;
		w->entries[from + n++ - w->first] = old;
	}
	atomic_fetch_add(&b->run->read_bytes, n * b->chunk_size);
	return n;
}

/* Chunks from there on to read at once: up to the next that is kept. */
static uint64_t changed_run(struct worker *w, uint64_t from, uint64_t to)
{
	uint64_t n = 1;

	while (from + n < to && n < w->read_chunks && !is_kept(w, from + n))
		n++;
	return n;
}

/* Chunks [from, to) of the leaf at hand. */
static int take_chunks(struct worker *w, uint64_t from, uint64_t to)
{
	const struct disk_backup *b = w->job->b;
	int rc = 0;

	while (from < to && rc == 0) {
		uint64_t n = keep_chunks(w, from, to, &rc), off, want, left;
		size_t len;

		if (n || rc < 0) {
			from += n;
			continue;
		}
		n = changed_run(w, from, to);
		off = from * b->chunk_size;
		want = n * b->chunk_size;
		left = b->source->size - off;
		len = (size_t)(want < left ? want : left);

		if (atomic_load(&b->run->stop))
			return -ECANCELED;
		if (!b->changed)
			read_ahead(b->source, off + len, to * b->chunk_size);
		rc = blockdev_pread(b->source, w->buf, len, off);
		if (rc < 0)
			return error_set(&w->err, -rc, "the source cannot be read at offset %llu: %s",
					 (unsigned long long)off, strerror(-rc));
		memset(w->buf + len, 0, (size_t)want - len);
		for (uint64_t i = 0; i < n && rc == 0; i++)
			rc = take_chunk(w, from + i, w->buf + i * b->chunk_size);
		atomic_fetch_add(&b->run->read_bytes, len);
		from += n;
	}
	return rc;
}

/* Two extents may meet in one chunk: it is taken once. */
static int leaf_extent(void *arg, uint64_t off, uint64_t len, enum extent_type type)
{
	struct worker *w = arg;
	const struct disk_backup *b = w->job->b;
	uint64_t from = off / b->chunk_size, to = (off + len + b->chunk_size - 1) / b->chunk_size;

	if (type == EXTENT_HOLE) {
		atomic_fetch_add(&b->run->read_bytes, len);
		return 0;
	}
	if (from < w->seen)
		from = w->seen;
	w->seen = to > w->seen ? to : w->seen;
	return from < to ? take_chunks(w, from, to) : 0;
}

static int do_leaf(struct worker *w, uint64_t begin)
{
	struct job *j = w->job;
	uint64_t len = j->b->source->size - begin < j->leaf_bytes ? j->b->source->size - begin : j->leaf_bytes;
	int rc;

	w->first = w->seen = begin / j->b->chunk_size;
	memset(w->entries, 0, MAP_FANOUT * sizeof(*w->entries));
	rc = blockdev_extents(j->b->source, begin, len, leaf_extent, w);
	return rc < 0 ? rc : map_tree_leaf(j->tree, w->parent, w->first, w->entries, MAP_FANOUT, &w->err);
}

static void worker_clear(struct worker *w)
{
	sealer_free(w->sealer);
	parent_map_free(w->parent);
	free(w->buf);
	free(w->entries);
}

static int worker_set_up(struct worker *w)
{
	const struct disk_backup *b = w->job->b;
	struct vault *v = b->run->vault;

	w->read_chunks = b->chunk_size < READ_BYTES ? READ_BYTES / b->chunk_size : 1;
	w->buf = malloc((size_t)w->read_chunks * b->chunk_size);
	w->entries = calloc(MAP_FANOUT, sizeof(*w->entries));
	w->sealer = sealer_new(b->run, b->chunk_size, &w->err);
	if (b->parent)
		w->parent = parent_map_new(vault_store(v), vault_ring(v), b->parent, &w->err);
	return w->buf && w->entries && w->sealer && (!b->parent || w->parent) ? 0 : -ENOMEM;
}

static void *work(void *arg)
{
	__attribute__((cleanup(worker_clear))) struct worker w = { .job = arg };
	struct job *j = arg;
	struct run *run = j->b->run;
	uint64_t begin = 0;
	int rc = worker_set_up(&w);

	while (rc == 0 && !atomic_load(&run->stop)) {
		rc = next_leaf(j, &begin);
		if (rc <= 0)
			break;
		rc = do_leaf(&w, begin);
	}
	if (rc == 0 && !atomic_load(&run->stop))
		rc = sealer_flush(w.sealer, &w.err);
	if (rc < 0)
		run_fail(run, rc, &w.err);
	pthread_mutex_lock(&j->lock);
	j->working--;
	pthread_cond_signal(&j->done);
	pthread_mutex_unlock(&j->lock);
	return NULL;
}

/* Until all threads have ended. */
static void wait_for_threads(struct job *j, disk_tick_fn *tick, void *arg)
{
	struct timespec until;
	int rc;

	pthread_mutex_lock(&j->lock);
	while (j->working) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += TICK_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		pthread_cond_timedwait(&j->done, &j->lock, &until);
		pthread_mutex_unlock(&j->lock);
		rc = tick ? tick(arg) : 0;
		if (rc < 0)
			run_fail(j->b->run, rc, NULL);
		pthread_mutex_lock(&j->lock);
	}
	pthread_mutex_unlock(&j->lock);
}

static void run_threads(struct job *j, disk_tick_fn *tick, void *arg)
{
	pthread_t thread[THREADS_MAX];
	unsigned n = 0, want = j->b->threads < THREADS_MAX ? j->b->threads : THREADS_MAX;
	uint64_t leaves = (j->b->source->size + j->leaf_bytes - 1) / j->leaf_bytes;

	if (want > leaves)
		want = (unsigned)leaves;
	pthread_mutex_lock(&j->lock);
	while (n < want && pthread_create(&thread[n], NULL, work, j) == 0)
		n++;
	j->working = n;
	pthread_mutex_unlock(&j->lock);
	if (!n)
		run_fail(j->b->run, -EAGAIN, NULL);
	wait_for_threads(j, tick, arg);
	for (unsigned i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
}

int disk_backup(const struct disk_backup *b, disk_tick_fn *tick, void *arg, struct point_disk *out,
		struct error *err)
{
	struct vault *v = b->run->vault;
	AUTO(parent_map_free) struct parent_map *parent = NULL;
	AUTO(map_tree_free) struct map_tree *tree = NULL;
	uint64_t before = atomic_load(&b->run->new_bytes);
	struct job j = { .b = b };
	int rc;

	out->size = b->source->size;
	out->chunk_size = b->chunk_size;
	out->levels = map_levels(point_disk_chunks(out));
	if (!out->size || out->size > POINT_DISK_MAX || out->levels > MAP_LEVELS_MAX)
		return error_set(err, EINVAL, "a disk of %llu bytes cannot be backed up",
				 (unsigned long long)out->size);
	j.leaf_bytes = (uint64_t)b->chunk_size * MAP_FANOUT;
	if (b->parent)
		parent = parent_map_new(vault_store(v), vault_ring(v), b->parent, err);
	tree = j.tree = map_tree_new(b->run, b->chunk_size, out->levels, parent, err);
	if (!tree || (b->parent && !parent))
		return -ENOMEM;
	pthread_mutex_init(&j.lock, NULL);
	pthread_cond_init(&j.done, NULL);
	run_threads(&j, tick, arg);
	pthread_cond_destroy(&j.done);
	pthread_mutex_destroy(&j.lock);
	if (b->run->err.code) {
		error_copy(err, &b->run->err);
		return -b->run->err.code;
	}
	rc = map_tree_finish(tree, &out->top, &out->has_top, &out->stored_bytes, err);
	out->new_bytes = atomic_load(&b->run->new_bytes) - before;
	return rc == 0 ? map_keep_top(vault_store(v), out, err) : rc;
}
