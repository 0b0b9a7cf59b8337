/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/overlay_map.h"
#include "crypto/bytes.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define PAGE_BYTES 4096u
#define PAGE_WORDS (PAGE_BYTES / 8)
#define PAGE_BLOCKS (PAGE_WORDS * OVERLAY_WORD_BLOCKS)
#define LOW_BITS 0x5555555555555555ull

struct page {
	_Atomic uint64_t word[PAGE_WORDS];
	_Atomic bool dirty;		/* on the list; changed under lock alone */
	uint64_t index;
	struct page *next;		/* on the list; under lock */
};

struct overlay_map {
	uint64_t blocks, n_pages;
	pthread_mutex_t lock;		/* adding pages, and the list of dirty ones */
	struct page *dirty;
	size_t n_dirty;

	/* What was taken and is not yet written. */
	struct page **taken;
	uint8_t *copy;			/* PAGE_BYTES each */
	size_t n_taken;

	struct page *_Atomic page[];	/* NULL: all OVERLAY_BASE */
};

struct overlay_map *overlay_map_new(uint64_t blocks, struct error *err)
{
	uint64_t n = (blocks - 1) / PAGE_BLOCKS + 1;
	struct overlay_map *m = NULL;

	if (n < SIZE_MAX / sizeof(m->page[0]) / 2)
		m = calloc(1, sizeof(*m) + (size_t)n * sizeof(m->page[0]));
	if (!m)
		return error_null(err, ENOMEM, "out of memory for the overlay's map");
	m->blocks = blocks;
	m->n_pages = n;
	pthread_mutex_init(&m->lock, NULL);
	return m;
}

void overlay_map_free(struct overlay_map *m)
{
	if (!m)
		return;
	for (uint64_t i = 0; i < m->n_pages; i++)
		free(m->page[i]);
	free(m->taken);
	free(m->copy);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

static struct page *page_at(const struct overlay_map *m, uint64_t i)
{
	return atomic_load_explicit(&m->page[i], memory_order_acquire);
}

static struct page *page_make(struct overlay_map *m, uint64_t i)
{
	struct page *p = page_at(m, i), *fresh;

	if (p)
		return p;
	fresh = calloc(1, sizeof(*fresh));
	if (!fresh)
		return NULL;
	fresh->index = i;
	pthread_mutex_lock(&m->lock);
	p = page_at(m, i);
	if (!p) {
		p = TAKE(fresh);
		atomic_store_explicit(&m->page[i], p, memory_order_release);
	}
	pthread_mutex_unlock(&m->lock);
	free(fresh);
	return p;
}

static void page_dirty(struct overlay_map *m, struct page *p)
{
	if (atomic_load(&p->dirty))
		return;
	pthread_mutex_lock(&m->lock);
	if (!atomic_load(&p->dirty)) {
		p->next = m->dirty;
		m->dirty = p;
		m->n_dirty++;
		atomic_store(&p->dirty, true);
	}
	pthread_mutex_unlock(&m->lock);
}

/* 0, 1: nothing there, or -errno. */
static int read_page(int fd, uint8_t *buf, uint64_t off)
{
	size_t got = 0;

	while (got < PAGE_BYTES) {
		ssize_t n = pread(fd, buf + got, PAGE_BYTES - got, (off_t)(off + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		got += (size_t)n;
	}
	return is_zero(buf, PAGE_BYTES);
}

/* No state 3, and none behind the last block. */
static bool words_are_good(const struct overlay_map *m, uint64_t i, const uint8_t *buf)
{
	for (unsigned w = 0; w < PAGE_WORDS; w++) {
		uint64_t v = le64(buf + 8 * w), first = i * PAGE_BLOCKS + w * OVERLAY_WORD_BLOCKS;

		if (v & v >> 1 & LOW_BITS)
			return false;
		if (!v || first + OVERLAY_WORD_BLOCKS <= m->blocks)
			continue;
		if (first >= m->blocks || v >> 2 * (m->blocks - first))
			return false;
	}
	return true;
}

static int load_page(struct overlay_map *m, uint64_t i, int fd, uint64_t off, struct error *err)
{
	uint8_t buf[PAGE_BYTES];
	struct page *p;
	int rc = read_page(fd, buf, off);

	if (rc < 0)
		return error_set(err, -rc, "the overlay's map cannot be read: %s", strerror(-rc));
	if (rc)
		return 0;
	if (!words_are_good(m, i, buf)) {
		error_set(err, EBADMSG, "the overlay's map is damaged (page %llu)",
			  (unsigned long long)i);
		error_next(err, "restore the overlay file from a copy");
		return -EBADMSG;
	}
	p = page_make(m, i);
	if (!p)
		return error_set(err, ENOMEM, "out of memory for the overlay's map");
	for (unsigned w = 0; w < PAGE_WORDS; w++)
		atomic_init(&p->word[w], le64(buf + 8 * w));
	return 0;
}

int overlay_map_load(struct overlay_map *m, int fd, uint64_t off, struct error *err)
{
	uint64_t i = 0;
	int rc = 0;

	while (i < m->n_pages && !rc) {
		off_t data = lseek(fd, (off_t)(off + i * PAGE_BYTES), SEEK_DATA);

		if (data < 0 && errno == ENXIO)
			return 0;
		if (data > 0 && (uint64_t)data >= off + (i + 1) * PAGE_BYTES)
			i = ((uint64_t)data - off) / PAGE_BYTES;
		if (i < m->n_pages)
			rc = load_page(m, i, fd, off + i * PAGE_BYTES, err);
		i++;
	}
	return rc;
}

/* How many of the word's states from `at` on equal the first. */
static unsigned same_in_word(uint64_t v, unsigned at, enum overlay_state *state)
{
	uint64_t differ;

	v >>= 2 * at;
	*state = (enum overlay_state)(v & 3);
	differ = v ^ (LOW_BITS * (v & 3));
	differ &= ~0ull >> 2 * at;
	return differ ? (unsigned)__builtin_ctzll(differ) / 2 : OVERLAY_WORD_BLOCKS - at;
}

enum overlay_state overlay_map_run(const struct overlay_map *m, uint64_t block, uint64_t most,
				   uint64_t *run)
{
	enum overlay_state state = OVERLAY_BASE, here;
	uint64_t n = 0, step;

	while (n < most) {
		uint64_t b = block + n, in_page = b % PAGE_BLOCKS;
		const struct page *p = page_at(m, b / PAGE_BLOCKS);
		bool more = false;

		if (!p) {
			here = OVERLAY_BASE;
			step = PAGE_BLOCKS - in_page;
			more = true;
		} else {
			unsigned at = (unsigned)(in_page % OVERLAY_WORD_BLOCKS);

			step = same_in_word(atomic_load_explicit(&p->word[in_page / OVERLAY_WORD_BLOCKS],
								 memory_order_acquire), at, &here);
			more = at + step == OVERLAY_WORD_BLOCKS;
		}
		if (n && here != state)
			break;
		state = here;
		n += step;
		if (!more)
			break;
	}
	*run = n < most ? n : most;
	return state;
}

static void word_set(_Atomic uint64_t *word, unsigned at, unsigned n, enum overlay_state state)
{
	uint64_t mask = n == OVERLAY_WORD_BLOCKS ? ~0ull : ((1ull << 2 * n) - 1) << 2 * at;
	uint64_t to = LOW_BITS * state & mask, old = atomic_load(word);

	while (!atomic_compare_exchange_weak(word, &old, (old & ~mask) | to))
		;
}

int overlay_map_set(struct overlay_map *m, uint64_t block, uint64_t n, enum overlay_state state)
{
	while (n) {
		struct page *p = page_make(m, block / PAGE_BLOCKS);
		uint64_t in_page = block % PAGE_BLOCKS;
		unsigned at = (unsigned)(in_page % OVERLAY_WORD_BLOCKS);
		unsigned step = OVERLAY_WORD_BLOCKS - at;

		if (!p)
			return -ENOMEM;
		if (step > n)
			step = (unsigned)n;
		word_set(&p->word[in_page / OVERLAY_WORD_BLOCKS], at, step, state);
		page_dirty(m, p);
		block += step;
		n -= step;
	}
	return 0;
}

static void page_copy(struct page *p, uint8_t *to)
{
	/* First: who set a state before and saw the page dirty is in the copy, who
	 * sets one later puts it on the list again. */
	atomic_store(&p->dirty, false);
	for (unsigned w = 0; w < PAGE_WORDS; w++)
		put_le64(to + 8 * w, atomic_load(&p->word[w]));
}

int overlay_map_take(struct overlay_map *m, bool *any)
{
	struct page *p;
	int rc = 0;

	pthread_mutex_lock(&m->lock);
	*any = m->n_dirty;
	if (m->n_dirty) {
		m->taken = calloc(m->n_dirty, sizeof(*m->taken));
		m->copy = malloc(m->n_dirty * PAGE_BYTES);
		rc = m->taken && m->copy ? 0 : -ENOMEM;
	}
	for (m->n_taken = 0, p = rc ? NULL : m->dirty; p;) {
		struct page *next = p->next;

		m->taken[m->n_taken] = p;
		page_copy(p, m->copy + m->n_taken++ * PAGE_BYTES);
		p = next;
	}
	if (!rc) {
		m->dirty = NULL;
		m->n_dirty = 0;
	} else {
		free(TAKE(m->taken));
		free(TAKE(m->copy));
	}
	pthread_mutex_unlock(&m->lock);
	return rc;
}

static int write_page(int fd, const uint8_t *buf, uint64_t off)
{
	size_t done = 0;

	while (done < PAGE_BYTES) {
		ssize_t n = pwrite(fd, buf + done, PAGE_BYTES - done, (off_t)(off + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}

int overlay_map_write(struct overlay_map *m, int fd, uint64_t off)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < m->n_taken && !rc; i++)
		rc = write_page(fd, m->copy + i * PAGE_BYTES, off + m->taken[i]->index * PAGE_BYTES);
	for (i = 0; i < m->n_taken && rc; i++)
		page_dirty(m, m->taken[i]);
	free(TAKE(m->taken));
	free(TAKE(m->copy));
	m->n_taken = 0;
	return rc;
}

void overlay_map_count(const struct overlay_map *m, uint64_t *data, uint64_t *zero)
{
	*data = *zero = 0;
	for (uint64_t i = 0; i < m->n_pages; i++) {
		const struct page *p = page_at(m, i);

		for (unsigned w = 0; p && w < PAGE_WORDS; w++) {
			uint64_t v = atomic_load_explicit(&p->word[w], memory_order_relaxed);

			*data += (uint64_t)__builtin_popcountll(v & LOW_BITS);
			*zero += (uint64_t)__builtin_popcountll(v & ~LOW_BITS);
		}
	}
}
