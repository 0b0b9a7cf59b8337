/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/secmem.h"
#include "crypto/secret.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

#define MIN_SHIFT 6			/* 64 bytes, header included */
#define MAX_SHIFT 14			/* 16 KiB */
#define ARENA_BYTES (256u * 1024)

/* In front of every block.  16 bytes keep what follows aligned. */
struct block {
	size_t size;			/* of the whole block, header included */
	union {
		struct block *next;	/* while free */
		size_t used;		/* while in use: bytes asked for */
	};
};

/* In front of every arena and every large mapping; never freed for arenas. */
struct mapping {
	struct mapping *next, *prev;
	size_t len;
	size_t pad;
};

/* The one process-wide heap.  lock guards everything below it. */
static struct {
	pthread_mutex_t lock;
	struct block *free[MAX_SHIFT + 1];
	struct mapping *maps;
	char *fresh, *end;		/* unused tail of the newest arena */
	bool refused;
	bool fork_handler;
} heap = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void lock_pages(struct mapping *m)
{
	if (mlock(m, m->len) < 0)
		heap.refused = true;
	madvise(m, m->len, MADV_DONTDUMP);
}

static void before_fork(void) { pthread_mutex_lock(&heap.lock); }
static void after_fork(void) { pthread_mutex_unlock(&heap.lock); }

static void after_fork_child(void)
{
	for (struct mapping *m = heap.maps; m; m = m->next)
		lock_pages(m);
	pthread_mutex_unlock(&heap.lock);
}

static struct mapping *map_pages(size_t len)
{
	struct mapping *m = mmap(NULL, len, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (m == MAP_FAILED)
		return NULL;
	if (!heap.fork_handler) {
		heap.fork_handler = true;
		pthread_atfork(before_fork, after_fork, after_fork_child);
	}
	m->len = len;
	lock_pages(m);
	m->prev = NULL;
	m->next = heap.maps;
	if (heap.maps)
		heap.maps->prev = m;
	heap.maps = m;
	return m;
}

static struct block *alloc_large(size_t size)
{
	size_t len = (size + sizeof(struct mapping) + 4095) & ~(size_t)4095;
	struct mapping *m = map_pages(len);
	struct block *b;

	if (!m)
		return NULL;
	b = (struct block *)(m + 1);
	b->size = len - sizeof(*m);
	return b;
}

static void free_large(struct block *b)
{
	struct mapping *m = (struct mapping *)b - 1;

	if (m->prev)
		m->prev->next = m->next;
	else
		heap.maps = m->next;
	if (m->next)
		m->next->prev = m->prev;
	munmap(m, m->len);
}

static unsigned shift_for(size_t size)
{
	unsigned shift = MIN_SHIFT;

	while (((size_t)1 << shift) < size)
		shift++;
	return shift;
}

static struct block *alloc_small(size_t size)
{
	unsigned shift = shift_for(size);
	size_t len = (size_t)1 << shift;
	struct block *b = heap.free[shift];

	if (b) {
		UNPOISON(b, len);
		heap.free[shift] = b->next;
		return b;
	}
	if ((size_t)(heap.end - heap.fresh) < len) {
		struct mapping *m = map_pages(ARENA_BYTES);

		if (!m)
			return NULL;
		heap.fresh = (char *)(m + 1);
		heap.end = (char *)m + ARENA_BYTES;
	}
	b = (struct block *)heap.fresh;
	heap.fresh += len;
	b->size = len;
	return b;
}

void *secmem_alloc(size_t len)
{
	struct block *b;
	size_t size;

	if (__builtin_add_overflow(len, sizeof(*b), &size) || size > SIZE_MAX / 2)
		return NULL;
	pthread_mutex_lock(&heap.lock);
	b = size > ((size_t)1 << MAX_SHIFT) ? alloc_large(size) : alloc_small(size);
	pthread_mutex_unlock(&heap.lock);
	if (!b)
		return NULL;
	b->used = len;
	return b + 1;		/* fresh and freed blocks are zero already */
}

void secmem_free(void *p)
{
	struct block *b;
	unsigned shift;

	if (!p)
		return;
	b = (struct block *)p - 1;
	wipe(p, b->used);
	pthread_mutex_lock(&heap.lock);
	if (b->size > ((size_t)1 << MAX_SHIFT)) {
		free_large(b);
	} else {
		shift = shift_for(b->size);
		b->next = heap.free[shift];
		heap.free[shift] = b;
		POISON((char *)b + sizeof(*b), b->size - sizeof(*b));
	}
	pthread_mutex_unlock(&heap.lock);
}

void *secmem_realloc(void *p, size_t len)
{
	struct block *b;
	void *q;

	if (!p)
		return secmem_alloc(len);
	if (!len) {
		secmem_free(p);
		return NULL;
	}
	b = (struct block *)p - 1;
	if (len <= b->size - sizeof(*b)) {
		if (len < b->used)
			wipe((char *)p + len, b->used - len);
		b->used = len;
		return p;
	}
	q = secmem_alloc(len);
	if (!q)
		return NULL;
	memcpy(q, p, b->used);
	secmem_free(p);
	return q;
}

bool secmem_is_locked(void)
{
	bool locked;

	pthread_mutex_lock(&heap.lock);
	locked = !heap.refused;
	pthread_mutex_unlock(&heap.lock);
	return locked;
}
