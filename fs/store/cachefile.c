/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/store/cachefile.h"
#include "crypto/bytes.h"
#include "crypto/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

#define MAGIC "ADECACH1"
#define HEAD_BYTES 40u
#define SUM_BYTES 16u
#define PIECE (64u << 10)
#define TOUCH_SECONDS 60

/* A range that the file holds. */
struct extent {
	uint64_t off;
	uint32_t len;
	uint64_t sums;			/* where they lie in the file, the bytes behind them */
};

struct cachefile {
	_Atomic unsigned refs;
	int fd;
	char *object;
	pthread_mutex_t lock;		/* guards all below */
	struct extent *extent;
	size_t n, room;
	uint64_t end;			/* of the last whole record */
	time_t touched;
};

static uint32_t pieces(uint32_t len)
{
	return (len + PIECE - 1) / PIECE;
}

static uint64_t data_at(const struct extent *e)
{
	return e->sums + (uint64_t)pieces(e->len) * SUM_BYTES;
}

static bool read_all(int fd, void *buf, size_t len, uint64_t at)
{
	uint8_t *p = buf;

	while (len) {
		ssize_t n = pread(fd, p, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return true;
}

static int head_sum(const struct cachefile *f, const uint8_t *head, const uint8_t *sums, size_t sums_len,
		    uint8_t out[SUM_BYTES])
{
	AUTO(sha256_free) struct sha256 *h = sha256_new();
	uint8_t full[SHA256_BYTES];
	int rc = h ? sha256_update(h, f->object, strlen(f->object) + 1) : -ENOMEM;

	rc = rc ? rc : sha256_update(h, head, HEAD_BYTES - SUM_BYTES);
	rc = rc ? rc : sha256_update(h, sums, sums_len);
	rc = rc ? rc : sha256_final(h, full);
	if (rc == 0)
		memcpy(out, full, SUM_BYTES);
	return rc;
}

static int add_extent(struct cachefile *f, const struct extent *e)
{
	if (f->n == f->room) {
		size_t room = f->room ? 2 * f->room : 32;
		struct extent *more = realloc(f->extent, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		f->extent = more;
		f->room = room;
	}
	f->extent[f->n++] = *e;
	return 0;
}

/* The record at `end`, whole as far as the file's length tells; its bytes are checked when they are read. */
static bool take_record(struct cachefile *f, uint64_t size)
{
	uint8_t head[HEAD_BYTES], sum[SUM_BYTES];
	AUTO(free) uint8_t *sums = NULL;
	struct extent e;
	size_t sums_len;

	if (size - f->end < HEAD_BYTES || !read_all(f->fd, head, sizeof(head), f->end) || memcmp(head, MAGIC, 8))
		return false;
	e = (struct extent){ le64(head + 8), le32(head + 16), f->end + HEAD_BYTES };
	sums_len = (size_t)pieces(e.len) * SUM_BYTES;
	if (!e.len || e.len > CACHEFILE_RANGE_MAX || e.off > INT64_MAX ||
	    size - f->end - HEAD_BYTES < sums_len + e.len || !(sums = malloc(sums_len)) ||
	    !read_all(f->fd, sums, sums_len, e.sums) || head_sum(f, head, sums, sums_len, sum) < 0 ||
	    memcmp(sum, head + HEAD_BYTES - SUM_BYTES, SUM_BYTES) || add_extent(f, &e) < 0)
		return false;
	f->end = data_at(&e) + e.len;
	return true;
}

/* Under the lock: what was appended since. */
static void catch_up(struct cachefile *f)
{
	struct stat st;

	if (fstat(f->fd, &st) < 0)
		return;
	while ((uint64_t)st.st_size > f->end && take_record(f, (uint64_t)st.st_size))
		;
}

struct cachefile *cachefile_open(int dir, const char *path, const char *object, bool create)
{
	int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT : 0);
	AUTO(fd) int fd = openat(dir, path, flags, 0600);
	struct cachefile *f;

	if (fd < 0)
		return NULL;
	f = calloc(1, sizeof(*f));
	if (f)
		f->object = strdup(object);
	if (!f || !f->object) {
		free(f);
		errno = ENOMEM;
		return NULL;
	}
	atomic_init(&f->refs, 1);
	f->fd = take_fd(&fd);
	pthread_mutex_init(&f->lock, NULL);
	catch_up(f);
	return f;
}

struct cachefile *cachefile_ref(struct cachefile *f)
{
	atomic_fetch_add(&f->refs, 1);
	return f;
}

void cachefile_unref(struct cachefile *f)
{
	if (!f || atomic_fetch_sub(&f->refs, 1) != 1)
		return;
	close(f->fd);
	pthread_mutex_destroy(&f->lock);
	free(f->extent);
	free(f->object);
	free(f);
}

bool cachefile_gone(struct cachefile *f)
{
	struct stat st;

	return fstat(f->fd, &st) < 0 || st.st_nlink == 0;
}

/* Under the lock: the extent that reaches furthest of those that hold byte `at`. */
static struct extent *best_at(struct cachefile *f, uint64_t at)
{
	struct extent *best = NULL;

	for (size_t i = 0; i < f->n; i++) {
		struct extent *e = &f->extent[i];

		if (e->off <= at && at - e->off < e->len && (!best || e->off + e->len > best->off + best->len))
			best = e;
	}
	return best;
}

static uint64_t covered_from(struct cachefile *f, uint64_t off, uint64_t end)
{
	struct extent *e;

	while (off < end && (e = best_at(f, off)))
		off = e->off + e->len;
	return off < end ? off : end;
}

/* Where what is covered up to `end` without a gap begins, not before `from`. */
static uint64_t covered_to(struct cachefile *f, uint64_t from, uint64_t end)
{
	bool moved = true;

	while (moved && end > from) {
		moved = false;
		for (size_t i = 0; i < f->n; i++) {
			const struct extent *e = &f->extent[i];

			if (e->off < end && end - e->off <= e->len) {
				end = e->off;
				moved = true;
			}
		}
	}
	return end > from ? end : from;
}

void cachefile_missing(struct cachefile *f, uint64_t off, size_t len, uint64_t *from, uint64_t *to)
{
	uint64_t end = off + len;

	pthread_mutex_lock(&f->lock);
	*from = covered_from(f, off, end);
	if (*from < end) {
		catch_up(f);
		*from = covered_from(f, *from, end);
	}
	*to = *from < end ? covered_to(f, *from, end) : end;
	pthread_mutex_unlock(&f->lock);
}

/* [off, off + len) of the extent into p, if every piece of it is as it was written. */
static int read_extent(const struct cachefile *f, const struct extent *e, uint64_t off, uint8_t *p, size_t len)
{
	uint32_t at = (uint32_t)(off - e->off), first = at / PIECE, last = (at + (uint32_t)len - 1) / PIECE;
	uint32_t from = first * PIECE, to = (last + 1) * PIECE < e->len ? (last + 1) * PIECE : e->len;
	AUTO(free) uint8_t *bytes = malloc(to - from), *sums = malloc((size_t)(last - first + 1) * SUM_BYTES);
	uint8_t sum[SHA256_BYTES];

	if (!bytes || !sums)
		return -ENOMEM;
	if (!read_all(f->fd, sums, (size_t)(last - first + 1) * SUM_BYTES, e->sums + (uint64_t)first * SUM_BYTES) ||
	    !read_all(f->fd, bytes, to - from, data_at(e) + from))
		return -ENOENT;
	for (uint32_t i = first; i <= last; i++) {
		uint32_t begin = i * PIECE, n = e->len - begin < PIECE ? e->len - begin : PIECE;

		if (sha256(bytes + begin - from, n, sum) < 0 || memcmp(sum, sums + (size_t)(i - first) * SUM_BYTES, SUM_BYTES))
			return -ENOENT;
	}
	memcpy(p, bytes + at - from, len);
	return 0;
}

static void forget(struct cachefile *f, const struct extent *gone)
{
	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < f->n; i++)
		if (f->extent[i].sums == gone->sums)
			f->extent[i] = f->extent[--f->n];
	pthread_mutex_unlock(&f->lock);
}

/* Under the lock: eviction goes by the time of the last use. */
static void touch(struct cachefile *f)
{
	time_t now = time(NULL);

	if (now - f->touched < TOUCH_SECONDS)
		return;
	f->touched = now;
	futimens(f->fd, NULL);
}

int cachefile_read(struct cachefile *f, uint64_t off, void *buf, size_t len)
{
	uint8_t *p = buf;
	int rc = 0;

	while (len && rc == 0) {
		struct extent e = { 0 }, *found;
		size_t n;

		pthread_mutex_lock(&f->lock);
		found = best_at(f, off);
		if (found)
			e = *found;
		touch(f);
		pthread_mutex_unlock(&f->lock);
		if (!found)
			return -ENOENT;
		n = e.off + e.len - off < len ? (size_t)(e.off + e.len - off) : len;
		rc = read_extent(f, &e, off, p, n);
		if (rc == -ENOENT)
			forget(f, &e);
		p += n;
		off += n;
		len -= n;
	}
	return rc;
}

/* Under both locks.  What a crash left behind the last whole record goes. */
static int write_record(struct cachefile *f, uint64_t off, const void *data, uint32_t len, size_t *grew)
{
	size_t sums_len = (size_t)pieces(len) * SUM_BYTES;
	AUTO(free) uint8_t *head = calloc(1, HEAD_BYTES + sums_len);
	struct extent e = { off, len, f->end + HEAD_BYTES };
	struct iovec v[2];
	uint8_t sum[SHA256_BYTES];
	ssize_t n;

	if (!head)
		return -ENOMEM;
	for (uint32_t i = 0; i < pieces(len); i++) {
		uint32_t at = i * PIECE;

		if (sha256((const uint8_t *)data + at, len - at < PIECE ? len - at : PIECE, sum) < 0)
			return -EIO;
		memcpy(head + HEAD_BYTES + (size_t)i * SUM_BYTES, sum, SUM_BYTES);
	}
	memcpy(head, MAGIC, 8);
	put_le64(head + 8, off);
	put_le32(head + 16, len);
	if (head_sum(f, head, head + HEAD_BYTES, sums_len, head + HEAD_BYTES - SUM_BYTES) < 0)
		return -EIO;
	v[0] = (struct iovec){ head, HEAD_BYTES + sums_len };
	v[1] = (struct iovec){ (void *)(uintptr_t)data, len };
	if (ftruncate(f->fd, (off_t)f->end) < 0)
		return -EIO;
	n = pwritev(f->fd, v, 2, (off_t)f->end);
	if (n != (ssize_t)(v[0].iov_len + v[1].iov_len)) {
		int code = n < 0 ? errno : ENOSPC;

		return ftruncate(f->fd, (off_t)f->end) < 0 ? -EIO : -code;
	}
	if (add_extent(f, &e) < 0)
		return -ENOMEM;
	f->end += (size_t)n;
	*grew += (size_t)n;
	return 0;
}

/* Where the gap that begins at `at` ends. */
static uint64_t gap_end(const struct cachefile *f, uint64_t at, uint64_t end)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->extent[i].off > at && f->extent[i].off < end)
			end = f->extent[i].off;
	return end;
}

int cachefile_append(struct cachefile *f, uint64_t off, const void *data, size_t len, size_t *grew)
{
	uint64_t at = off, end = off + len;
	int rc = 0;

	*grew = 0;
	if (!len || len > CACHEFILE_RANGE_MAX)
		return 0;
	pthread_mutex_lock(&f->lock);
	if (flock(f->fd, LOCK_EX | LOCK_NB) < 0) {
		pthread_mutex_unlock(&f->lock);
		return -EAGAIN;
	}
	catch_up(f);
	while (rc == 0 && (at = covered_from(f, at, end)) < end) {
		uint64_t to = gap_end(f, at, end);

		rc = write_record(f, at, (const uint8_t *)data + (at - off), (uint32_t)(to - at), grew);
		at = to;
	}
	flock(f->fd, LOCK_UN);
	pthread_mutex_unlock(&f->lock);
	return rc;
}
