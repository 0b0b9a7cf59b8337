/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/pagemap.h"

#include <pthread.h>
#include <string.h>

enum window { UNKNOWN, TAKEN, KNOWN };

struct pagemap {
	pthread_mutex_t lock;		/* guards state and bits */
	pthread_cond_t known;
	uint64_t size;
	uint32_t chunk;
	uint64_t n_windows;
	uint8_t *state;			/* enum window, of each */
	uint8_t *bits;
};

struct pagemap *pagemap_new(uint64_t size, uint32_t chunk)
{
	struct pagemap *m = calloc(1, sizeof(*m));
	uint64_t windows = size / PAGEMAP_WINDOW + 1, chunks = windows * (PAGEMAP_WINDOW / chunk);

	if (!m)
		return NULL;
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->known, NULL);
	m->size = size;
	m->chunk = chunk;
	m->n_windows = windows;
	m->state = calloc(windows, 1);
	m->bits = calloc(chunks / 8, 1);
	if (m->state && m->bits)
		return m;
	pagemap_free(m);
	return NULL;
}

void pagemap_free(struct pagemap *m)
{
	if (!m)
		return;
	pthread_cond_destroy(&m->known);
	pthread_mutex_destroy(&m->lock);
	free(m->state);
	free(m->bits);
	free(m);
}

void pagemap_window(const struct pagemap *m, uint64_t off, uint64_t *from, uint64_t *to)
{
	*from = off - off % PAGEMAP_WINDOW;
	*to = m->size - *from < PAGEMAP_WINDOW ? m->size : *from + PAGEMAP_WINDOW;
}

bool pagemap_take(struct pagemap *m, uint64_t off)
{
	uint8_t *s = &m->state[off / PAGEMAP_WINDOW];
	bool mine;

	pthread_mutex_lock(&m->lock);
	mine = *s == UNKNOWN;
	if (mine)
		*s = TAKEN;
	pthread_mutex_unlock(&m->lock);
	return mine;
}

void pagemap_mark(struct pagemap *m, uint64_t off, uint64_t len)
{
	uint64_t first, last;

	if (!len || off >= m->size)
		return;
	if (len > m->size - off)
		len = m->size - off;
	first = off / m->chunk;
	last = (off + len - 1) / m->chunk;
	pthread_mutex_lock(&m->lock);
	for (uint64_t c = first; c <= last;) {
		if (c % 8 == 0 && last - c >= 7) {
			m->bits[c / 8] = 0xff;
			c += 8;
		} else {
			m->bits[c / 8] |= (uint8_t)(1u << c % 8);
			c++;
		}
	}
	pthread_mutex_unlock(&m->lock);
}

void pagemap_filled(struct pagemap *m, uint64_t off, bool ok)
{
	uint64_t from, to;

	pagemap_window(m, off, &from, &to);
	if (!ok)
		pagemap_mark(m, from, to - from);
	pthread_mutex_lock(&m->lock);
	m->state[off / PAGEMAP_WINDOW] = KNOWN;
	pthread_cond_broadcast(&m->known);
	pthread_mutex_unlock(&m->lock);
}

void pagemap_wait(struct pagemap *m, uint64_t off)
{
	pthread_mutex_lock(&m->lock);
	while (m->state[off / PAGEMAP_WINDOW] == TAKEN)
		pthread_cond_wait(&m->known, &m->lock);
	pthread_mutex_unlock(&m->lock);
}

bool pagemap_is_known(struct pagemap *m, uint64_t off)
{
	bool known;

	pthread_mutex_lock(&m->lock);
	known = m->state[off / PAGEMAP_WINDOW] != UNKNOWN;
	pthread_mutex_unlock(&m->lock);
	return known;
}

/* Under the lock. */
static bool hole_at(const struct pagemap *m, uint64_t chunk)
{
	return m->state[chunk / (PAGEMAP_WINDOW / m->chunk)] == KNOWN && !(m->bits[chunk / 8] >> chunk % 8 & 1);
}

bool pagemap_is_hole(struct pagemap *m, uint64_t chunk)
{
	bool hole;

	pthread_mutex_lock(&m->lock);
	hole = hole_at(m, chunk);
	pthread_mutex_unlock(&m->lock);
	return hole;
}

uint64_t pagemap_run(struct pagemap *m, uint64_t chunk, uint64_t n, bool *hole)
{
	uint64_t at = chunk, end = chunk + n, window = PAGEMAP_WINDOW / m->chunk;

	pthread_mutex_lock(&m->lock);
	*hole = hole_at(m, chunk);
	while (at < end && hole_at(m, at) == *hole) {
		bool known = m->state[at / window] == KNOWN;

		/* a window is a multiple of 8 chunks */
		if (at % 8 == 0 && end - at >= 8 && (!known || m->bits[at / 8] == (*hole ? 0x00 : 0xff)))
			at += 8;
		else
			at++;
	}
	pthread_mutex_unlock(&m->lock);
	return at - chunk;
}
