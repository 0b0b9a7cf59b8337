/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/overlay_recent.h"

#include <stdlib.h>

void overlay_recent_init(struct overlay_recent *r)
{
	pthread_mutex_init(&r->lock, NULL);
	r->n = 0;
	atomic_init(&r->many, false);
}

void overlay_recent_clear(struct overlay_recent *r)
{
	pthread_mutex_destroy(&r->lock);
}

void overlay_recent_note(struct overlay_recent *r, uint64_t block, uint64_t n)
{
	if (atomic_load(&r->many))	/* a flush that forgets it syncs everything after */
		return;
	pthread_mutex_lock(&r->lock);
	if (n > OVERLAY_RECENT_NOTES - r->n)
		atomic_store(&r->many, true);
	else
		for (uint64_t i = 0; i < n; i++)
			r->block[r->n++] = block + i;
	pthread_mutex_unlock(&r->lock);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

bool overlay_recent_take(struct overlay_recent *r, uint64_t *out, size_t most, size_t *n)
{
	bool few;
	size_t used = 0;

	pthread_mutex_lock(&r->lock);
	few = !atomic_load(&r->many);
	qsort(r->block, r->n, sizeof(r->block[0]), compare);
	for (size_t i = 0; i < r->n && few; i++) {
		if (used && out[used - 1] == r->block[i])
			continue;
		if (used == most)
			few = false;
		else
			out[used++] = r->block[i];
	}
	r->n = 0;
	atomic_store(&r->many, false);
	pthread_mutex_unlock(&r->lock);
	*n = used;
	return few;
}
