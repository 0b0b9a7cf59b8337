/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/diskwatch.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

struct disk_watches {
	pthread_mutex_t lock;		/* guards the list, and that a watched disk stays */
	struct disk_watch *first, **last;
};

struct disk_watch *disk_watch_new(const char *name, const char *disk, uint64_t size, uint32_t chunk_size,
				  struct trace *trace, struct error *err)
{
	AUTO(disk_watch_free) struct disk_watch *w = calloc(1, sizeof(*w));
	size_t words;

	if (!w)
		return error_null(err, ENOMEM, "out of memory");
	snprintf(w->name, sizeof(w->name), "%s", name);
	w->size = size;
	w->chunk_size = chunk_size;
	w->chunks = size / chunk_size + (size % chunk_size != 0);
	while (((w->chunks - 1) >> w->shift) + 1 > DISKWATCH_UNITS_MAX)
		w->shift++;
	w->units = ((w->chunks - 1) >> w->shift) + 1;
	words = (size_t)(w->units + 63) / 64;
	w->read = calloc(words, sizeof(*w->read));
	w->fetched = calloc(words, sizeof(*w->fetched));
	if (!w->read || !w->fetched)
		return error_null(err, ENOMEM, "out of memory");
	w->trace = trace;
	w->trace_disk = trace ? trace_disk(trace, disk, chunk_size) : -1;
	return TAKE(w);
}

void disk_watch_free(struct disk_watch *w)
{
	if (!w)
		return;
	free(w->read);
	free(w->fetched);
	free(w);
}

/* True: it was not set before. */
static bool set(_Atomic uint64_t *bits, uint64_t unit)
{
	uint64_t bit = UINT64_C(1) << unit % 64;

	if (atomic_load_explicit(&bits[unit / 64], memory_order_relaxed) & bit)
		return false;
	return !(atomic_fetch_or_explicit(&bits[unit / 64], bit, memory_order_relaxed) & bit);
}

void disk_watch_read(struct disk_watch *w, uint64_t chunk)
{
	if (w && chunk < w->chunks && set(w->read, chunk >> w->shift) && w->trace)
		trace_note(w->trace, w->trace_disk, chunk);
}

void disk_watch_fetched(struct disk_watch *w, uint64_t chunk)
{
	if (w && chunk < w->chunks)
		set(w->fetched, chunk >> w->shift);
}

bool disk_watch_is_read(const struct disk_watch *w, uint64_t unit)
{
	return atomic_load_explicit(&w->read[unit / 64], memory_order_relaxed) >> unit % 64 & 1;
}

bool disk_watch_is_fetched(const struct disk_watch *w, uint64_t unit)
{
	return atomic_load_explicit(&w->fetched[unit / 64], memory_order_relaxed) >> unit % 64 & 1;
}

struct disk_watches *disk_watches_new(void)
{
	struct disk_watches *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	pthread_mutex_init(&l->lock, NULL);
	l->last = &l->first;
	return l;
}

void disk_watches_free(struct disk_watches *l)
{
	if (!l)
		return;
	while (l->first) {
		struct disk_watch *w = l->first;

		l->first = w->next;
		disk_watch_free(w);
	}
	pthread_mutex_destroy(&l->lock);
	free(l);
}

void disk_watches_add(struct disk_watches *l, struct disk_watch *taken)
{
	pthread_mutex_lock(&l->lock);
	*l->last = taken;
	l->last = &taken->next;
	pthread_mutex_unlock(&l->lock);
}

void disk_watches_forget(struct disk_watches *l, const struct blockdev *disk)
{
	pthread_mutex_lock(&l->lock);
	for (struct disk_watch *w = l->first; w; w = w->next)
		if (w->disk == disk)
			w->disk = NULL;
	pthread_mutex_unlock(&l->lock);
}

int disk_watches_each(struct disk_watches *l, disk_watch_fn *fn, void *arg)
{
	int rc = 0;

	pthread_mutex_lock(&l->lock);
	for (struct disk_watch *w = l->first; w && rc == 0; w = w->next)
		rc = fn(arg, w);
	pthread_mutex_unlock(&l->lock);
	return rc;
}
