/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/store/cachefolder.h"
#include "crypto/hash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define FORMAT "v1"			/* below the folder, so that another version leaves ours alone */
#define NAME_TEXT (2 * SHA256_BYTES + 1)
#define RECOUNT_PART 16			/* of the limit: what one process adds before all is counted anew */
#define KEEP_FREE (UINT64_C(256) << 20)	/* of the file system; less than that counts as full */

struct cachefolder {
	int dir;
	uint64_t limit;
	pthread_mutex_t lock;		/* guards all below */
	uint64_t used, since;		/* as counted; added since by this process */
	uint64_t evicted;
};

/* One file, for the count. */
struct counted { char name[NAME_TEXT]; uint64_t bytes; struct timespec used; };
struct count { struct counted *all; size_t n, room; uint64_t bytes; };

static void count_release(struct count *c)
{
	free(c->all);
}

/* Names of objects are as long as files' may be, and hold slashes. */
static bool file_name(const char *object, char out[NAME_TEXT])
{
	uint8_t sum[SHA256_BYTES];

	if (sha256(object, strlen(object), sum) < 0)
		return false;
	hex_encode(sum, sizeof(sum), out);
	return true;
}

static int check_folder(int fd, const char *path, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_set(err, errno, "%s: %s", path, strerror(errno));
	if (st.st_uid == geteuid() && !(st.st_mode & 022))
		return 0;
	error_set(err, EPERM, "others may write to the disk cache %s", path);
	error_next(err, "Name a folder of your own: chmod 700 %s", path);
	return -EPERM;
}

static int count_one(struct count *c, int dir, const char *name)
{
	struct stat st;

	if (strlen(name) != NAME_TEXT - 1 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return 0;
	if (c->n == c->room) {
		size_t room = c->room ? 2 * c->room : 256;
		struct counted *more = realloc(c->all, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		c->all = more;
		c->room = room;
	}
	memcpy(c->all[c->n].name, name, NAME_TEXT);
	c->all[c->n].bytes = (uint64_t)st.st_blocks * 512;
	c->all[c->n].used = st.st_mtim;
	c->bytes += c->all[c->n++].bytes;
	return 0;
}

static int count_all(const struct cachefolder *f, struct count *c)
{
	int fd = openat(f->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return -EIO;
	}
	while (rc == 0 && (e = readdir(d)))
		rc = count_one(c, f->dir, e->d_name);
	closedir(d);
	return rc;
}

static uint64_t free_bytes(const struct cachefolder *f)
{
	struct statvfs v;

	return fstatvfs(f->dir, &v) < 0 ? 0 : (uint64_t)v.f_bavail * v.f_frsize;
}

static int by_use(const void *a, const void *b)
{
	const struct timespec *x = &((const struct counted *)a)->used, *y = &((const struct counted *)b)->used;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

/* Under the lock.  One process at a time evicts; the others leave it to that one. */
static void tidy(struct cachefolder *f)
{
	__attribute__((cleanup(count_release))) struct count c = { 0 };
	uint64_t room = free_bytes(f), over;

	if (flock(f->dir, LOCK_EX | LOCK_NB) < 0)
		return;
	if (count_all(f, &c) == 0) {
		over = c.bytes > f->limit ? c.bytes - f->limit + f->limit / RECOUNT_PART : 0;
		if (room < KEEP_FREE && KEEP_FREE - room > over)
			over = KEEP_FREE - room;
		if (c.n)
			qsort(c.all, c.n, sizeof(*c.all), by_use);
		for (size_t i = 0; i < c.n && over; i++) {
			if (unlinkat(f->dir, c.all[i].name, 0) < 0)
				continue;
			over = over > c.all[i].bytes ? over - c.all[i].bytes : 0;
			c.bytes -= c.all[i].bytes;
			f->evicted++;
		}
		f->used = c.bytes;
		f->since = 0;
	}
	flock(f->dir, LOCK_UN);
}

struct cachefolder *cachefolder_open(const char *path, uint64_t limit, struct error *err)
{
	AUTO(fd) int top = -1, dir = -1;
	struct cachefolder *f;

	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top >= 0 && check_folder(top, path, err) < 0)
		return NULL;
	if (top >= 0 && (mkdirat(top, FORMAT, 0700) == 0 || errno == EEXIST))
		dir = openat(top, FORMAT, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0) {
		int code = errno;

		error_set(err, code, "the disk cache cannot be used: %s", strerror(code));
		error_object(err, "%s", path);
		error_next(err, "Name a folder of your own that can be written to.");
		return NULL;
	}
	f = calloc(1, sizeof(*f));
	if (!f)
		return error_null(err, ENOMEM, "out of memory");
	f->dir = take_fd(&dir);
	f->limit = limit;
	pthread_mutex_init(&f->lock, NULL);
	tidy(f);
	return f;
}

void cachefolder_free(struct cachefolder *f)
{
	if (!f)
		return;
	close(f->dir);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

struct cachefile *cachefolder_file(struct cachefolder *f, const char *object, bool create)
{
	char name[NAME_TEXT];

	return file_name(object, name) ? cachefile_open(f->dir, name, object, create) : NULL;
}

void cachefolder_remove(struct cachefolder *f, const char *object)
{
	char name[NAME_TEXT];

	if (file_name(object, name))
		unlinkat(f->dir, name, 0);
}

void cachefolder_grew(struct cachefolder *f, size_t bytes)
{
	if (!bytes)
		return;
	pthread_mutex_lock(&f->lock);
	f->used += bytes;
	f->since += bytes;
	if (f->used > f->limit || f->since > f->limit / RECOUNT_PART)
		tidy(f);
	pthread_mutex_unlock(&f->lock);
}

void cachefolder_stats(struct cachefolder *f, uint64_t *limit, uint64_t *used, uint64_t *evicted)
{
	pthread_mutex_lock(&f->lock);
	*limit = f->limit;
	*used = f->used;
	*evicted = f->evicted;
	pthread_mutex_unlock(&f->lock);
}

uint64_t cachefolder_room(struct cachefolder *f)
{
	uint64_t room, space;

	pthread_mutex_lock(&f->lock);
	tidy(f);
	room = f->limit > f->used ? f->limit - f->used : 0;
	pthread_mutex_unlock(&f->lock);
	space = free_bytes(f);
	space = space > KEEP_FREE ? space - KEEP_FREE : 0;
	return room < space ? room : space;
}
