/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/store/dir.h"
#include "fs/util/fileio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define PIECE (256u << 10)
#define TMP "tmp"

struct dir_store {
	struct store st;
	int fd;			/* of the directory */
	pthread_mutex_t lock;	/* guards synced */
	char synced[PATH_MAX];	/* the last folder that is durable with all above it */
};

static int dir_fd(struct store *st)
{
	return ((struct dir_store *)st)->fd;
}

static int fail(struct error *err, const char *what, const char *name)
{
	int code = errno;

	error_set(err, code, "%s: %s", what, strerror(code));
	error_object(err, "%s", name);
	return -code;
}

/* Fewer bytes only at the object's end. */
static int read_at(int fd, const char *name, uint64_t off, char *p, size_t len, size_t *got, struct error *err)
{
	while (len) {
		ssize_t n = pread(fd, p, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(err, "cannot read the object", name);
		if (n == 0)
			break;
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
		*got += (size_t)n;
	}
	return 0;
}

static int dir_get(struct store *st, const char *name, uint64_t off, void *buf, size_t len,
		   size_t *got, struct error *err)
{
	AUTO(fd) int fd = openat(dir_fd(st), name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? fail(err, "cannot open the object", name) : read_at(fd, name, off, buf, len, got, err);
}

/* In pieces that stay in the processor's cache. */
static int dir_read(struct store *st, const char *name, uint64_t off, size_t len, struct store_sink *sink, size_t *got,
		    struct error *err)
{
	AUTO(fd) int fd = openat(dir_fd(st), name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	size_t room = len < PIECE ? len : PIECE, n = room;
	AUTO(free) char *buf = malloc(room ? room : 1);
	int rc = 0;

	if (fd < 0)
		return fail(err, "cannot open the object", name);
	if (!buf)
		return error_set(err, ENOMEM, "out of memory");
	while (rc == 0 && n == room && *got < len) {
		room = len - *got < PIECE ? len - *got : PIECE;
		n = 0;
		rc = read_at(fd, name, off + *got, buf, room, &n, err);
		if (rc == 0)
			sink->part(sink, *got, buf, n);
		*got += n;
	}
	return rc;
}

/* Folder part of a name, into out; "." when there is none. */
static void folder_of(const char *name, char *out, size_t size)
{
	const char *slash = strrchr(name, '/');

	if (slash)
		snprintf(out, size, "%.*s", (int)(slash - name), name);
	else
		snprintf(out, size, ".");
}

static int sync_folder(int dir, const char *path)
{
	AUTO(fd) int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* The folder that got a name, and once a folder those above it: whoever made
 * them may have died before he synced them. */
static int sync_up(struct dir_store *d, const char *folder)
{
	char path[PATH_MAX], parent[PATH_MAX];
	int rc = sync_folder(d->fd, folder);
	bool known;

	pthread_mutex_lock(&d->lock);
	known = !strcmp(d->synced, folder);
	pthread_mutex_unlock(&d->lock);
	snprintf(path, sizeof(path), "%s", folder);
	while (rc == 0 && !known && strcmp(path, ".")) {
		folder_of(path, parent, sizeof(parent));
		rc = sync_folder(d->fd, parent);
		memcpy(path, parent, sizeof(path));
	}
	pthread_mutex_lock(&d->lock);
	if (rc == 0)
		snprintf(d->synced, sizeof(d->synced), "%s", folder);
	pthread_mutex_unlock(&d->lock);
	return rc;
}

/* mkdir -p below the store, each new folder synced into its parent. */
static int make_folders(int dir, const char *folder)
{
	char path[PATH_MAX], parent[PATH_MAX];

	for (const char *p = folder; *p;) {
		const char *end = strchrnul(p, '/');

		snprintf(path, sizeof(path), "%.*s", (int)(end - folder), folder);
		if (mkdirat(dir, path, 0777) == 0) {
			folder_of(path, parent, sizeof(parent));
			if (sync_folder(dir, parent) < 0)
				return -errno;
		} else if (errno != EEXIST) {
			return -errno;
		}
		p = *end ? end + 1 : end;
	}
	return 0;
}

static int random_name(char *out, size_t size)
{
	uint64_t r[2];

	if (getrandom(r, sizeof(r), 0) != sizeof(r))
		return -EIO;
	snprintf(out, size, TMP "/%016llx%016llx", (unsigned long long)r[0], (unsigned long long)r[1]);
	return 0;
}

/* The bytes, durable, under a name in tmp/. */
static int write_tmp(int dir, const char *tmp, const void *data, size_t len)
{
	AUTO(fd) int fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	int rc;

	if (fd < 0 && errno == ENOENT && make_folders(dir, TMP) == 0)
		fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	rc = file_write_all(fd, data, len);
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	if (rc < 0)
		unlinkat(dir, tmp, 0);
	return rc;
}

static int give_name(int dir, const char *tmp, const char *name, enum put_mode mode)
{
	if (mode == PUT_ANY)
		return renameat(dir, tmp, dir, name) < 0 ? -errno : 0;
	return linkat(dir, tmp, dir, name, 0) < 0 ? -errno : 0;
}

static int dir_put(struct store *st, const char *name, const void *data, size_t len,
		   enum put_mode mode, struct error *err)
{
	int dir = dir_fd(st), rc;
	char tmp[64], folder[PATH_MAX];

	folder_of(name, folder, sizeof(folder));
	rc = random_name(tmp, sizeof(tmp));
	if (rc == 0)
		rc = write_tmp(dir, tmp, data, len);
	if (rc == 0) {
		rc = give_name(dir, tmp, name, mode);
		if (rc == -ENOENT && (rc = make_folders(dir, folder)) == 0)
			rc = give_name(dir, tmp, name, mode);
		unlinkat(dir, tmp, 0);
	}
	if (rc == 0 || rc == -EEXIST) {
		int synced = sync_up((struct dir_store *)st, folder);

		rc = synced < 0 ? synced : rc;
	}
	if (rc < 0) {
		errno = -rc;
		return fail(err, "cannot store the object", name);
	}
	return 0;
}

static int dir_stat(struct store *st, const char *name, struct object *out, struct error *err)
{
	struct stat s;

	if (fstatat(dir_fd(st), name, &s, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(err, "no such object", name);
	if (!S_ISREG(s.st_mode)) {
		errno = ENOENT;
		return fail(err, "no such object", name);
	}
	snprintf(out->name, sizeof(out->name), "%s", name);
	out->size = (uint64_t)s.st_size;
	out->time = s.st_mtime;
	return 0;
}

/* One folder and those below; prefix filters by the whole name. */
static int list_folder(struct store *st, const char *folder, const char *prefix, object_fn *fn,
		       void *arg, struct error *err);

static int list_entry(struct store *st, const char *folder, const struct dirent *e,
		      const char *prefix, object_fn *fn, void *arg, struct error *err)
{
	char name[PATH_MAX];
	struct object o;
	struct stat s;
	size_t n, len = strlen(prefix);

	if (e->d_name[0] == '.' || (!folder[0] && !strcmp(e->d_name, TMP)))
		return 0;
	n = (size_t)snprintf(name, sizeof(name), "%s%s%s", folder, folder[0] ? "/" : "", e->d_name);
	if (n >= sizeof(o.name) || strncmp(name, prefix, n < len ? n : len))
		return 0;
	if (e->d_type == DT_DIR)
		return list_folder(st, name, prefix, fn, arg, err);
	if (fstatat(dir_fd(st), name, &s, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail(err, "cannot look at an object", name);
	if (S_ISDIR(s.st_mode))
		return list_folder(st, name, prefix, fn, arg, err);
	if (!S_ISREG(s.st_mode) || n < len || !store_name_ok(name))
		return 0;
	memcpy(o.name, name, n + 1);
	o.size = (uint64_t)s.st_size;
	o.time = s.st_mtime;
	return fn(arg, &o);
}

static void closedir_cleanup(DIR **d) { if (*d) closedir(*d); }

/* NULL with errno. */
static DIR *open_folder(int dir, const char *folder)
{
	int fd = openat(dir, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d && fd >= 0)
		close(fd);
	return d;
}

static int list_folder(struct store *st, const char *folder, const char *prefix, object_fn *fn,
		       void *arg, struct error *err)
{
	AUTO(closedir) DIR *d = open_folder(dir_fd(st), folder[0] ? folder : ".");
	struct dirent *e;
	int rc = 0;

	if (!d)
		return errno == ENOENT ? 0 : fail(err, "cannot list the folder", folder);
	while (rc == 0 && (errno = 0, e = readdir(d)))
		rc = list_entry(st, folder, e, prefix, fn, arg, err);
	if (rc == 0 && errno)
		return fail(err, "cannot list the folder", folder);
	return rc;
}

static int dir_list(struct store *st, const char *prefix, object_fn *fn, void *arg,
		    struct error *err)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(prefix, '/');

	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - prefix) : 0, prefix);
	return list_folder(st, folder, prefix, fn, arg, err);
}

static int dir_folders(struct store *st, const char *prefix, object_fn *fn, void *arg, struct error *err)
{
	struct object o = { .size = 0 };
	char folder[PATH_MAX];
	AUTO(closedir) DIR *d = NULL;
	struct dirent *e;
	int rc = 0;

	folder_of(prefix, folder, sizeof(folder));
	d = open_folder(dir_fd(st), folder);
	if (!d)
		return errno == ENOENT ? 0 : fail(err, "cannot list the folder", folder);
	while (rc == 0 && (errno = 0, e = readdir(d)))
		if (e->d_name[0] != '.' && snprintf(o.name, sizeof(o.name), "%s", e->d_name) < (int)sizeof(o.name))
			rc = fn(arg, &o);
	return rc == 0 && errno ? fail(err, "cannot list the folder", folder) : rc;
}

static int dir_remove(struct store *st, const char *name, struct error *err)
{
	if (unlinkat(dir_fd(st), name, 0) < 0 && errno != ENOENT)
		return fail(err, "cannot remove the object", name);
	return 0;
}

/* The file system's clock, not this host's: they differ on NFS. */
static int dir_now(struct store *st, int64_t *seconds, struct error *err)
{
	char tmp[64];
	struct stat s;
	int rc = random_name(tmp, sizeof(tmp));

	if (rc == 0)
		rc = write_tmp(dir_fd(st), tmp, "", 0);
	if (rc == 0 && fstatat(dir_fd(st), tmp, &s, 0) < 0)
		rc = -errno;
	unlinkat(dir_fd(st), tmp, 0);
	if (rc < 0)
		return error_set(err, -rc, "the store's time cannot be read: %s", strerror(-rc));
	*seconds = s.st_mtime;
	return 0;
}

static int settle_folder(struct dir_store *d, const char *folder);

static int settle_below(struct dir_store *d, const char *folder, const struct dirent *e)
{
	char path[PATH_MAX];
	struct stat s;

	if (e->d_name[0] == '.' || snprintf(path, sizeof(path), "%s/%s", folder, e->d_name) >= (int)sizeof(path))
		return 0;
	if (e->d_type == DT_UNKNOWN && fstatat(d->fd, path, &s, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	return e->d_type == DT_DIR || (e->d_type == DT_UNKNOWN && S_ISDIR(s.st_mode)) ? settle_folder(d, path) : 0;
}

/* The folder with all that lie in it. */
static int settle_folder(struct dir_store *d, const char *folder)
{
	AUTO(closedir) DIR *dir = open_folder(d->fd, folder);
	struct dirent *e;
	int rc = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	if (fsync(dirfd(dir)) < 0)
		return -errno;
	while (rc == 0 && (errno = 0, e = readdir(dir)))
		rc = settle_below(d, folder, e);
	return rc < 0 ? rc : -errno;
}

static int dir_settle(struct store *st, const char *prefix, struct error *err)
{
	struct dir_store *d = (struct dir_store *)st;
	char folder[PATH_MAX], parent[PATH_MAX];
	int rc;

	folder_of(prefix, folder, sizeof(folder));
	rc = settle_folder(d, folder);
	folder_of(folder, parent, sizeof(parent));
	if (rc == 0)
		rc = sync_up(d, parent);
	while (rc == -ENOENT && strcmp(parent, ".")) {		/* neither it nor what is above it was made yet */
		char above[PATH_MAX];

		folder_of(parent, above, sizeof(above));
		memcpy(parent, above, sizeof(parent));
		rc = sync_up(d, parent);
	}
	errno = -rc;
	return rc < 0 ? fail(err, "cannot sync the folder", folder) : 0;
}

static void dir_free(struct store *st)
{
	close(dir_fd(st));
	pthread_mutex_destroy(&((struct dir_store *)st)->lock);
	free(st);
}

static const struct store_ops dir_ops = {
	.scheme = "file", .get = dir_get, .read = dir_read, .put = dir_put, .stat = dir_stat, .list = dir_list,
	.folders = dir_folders, .remove = dir_remove, .now = dir_now, .settle = dir_settle, .free = dir_free,
};

struct store *store_dir_open(const char *path, bool create, struct error *err)
{
	AUTO(fd) int fd = -1;
	struct dir_store *d;

	if (create && mkdir(path, 0777) < 0 && errno != EEXIST) {
		fail(err, "cannot make the folder", path);
		return NULL;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		fail(err, "cannot open the vault's folder", path);
		return NULL;
	}
	d = calloc(1, sizeof(*d));
	if (!d)
		return error_null(err, ENOMEM, "out of memory");
	d->st.ops = &dir_ops;
	d->st.conditional_put = true;
	d->fd = take_fd(&fd);
	pthread_mutex_init(&d->lock, NULL);
	return &d->st;
}
