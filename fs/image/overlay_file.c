/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/overlay_file.h"
#include "fs/util/fileio.h"
#include "fs/image/overlay_log.h"
#include "fs/image/overlay_map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#define LOCK_STEP_MS 50u
#define LOCK_PATIENCE_MS 5000u

void overlay_file_close(struct overlay_file *f)
{
	if (!f)
		return;
	if (f->fd >= 0)
		close(f->fd);
	free(f->name);
	free(f);
}

static struct overlay_file *file_new(const char *name, struct error *err)
{
	struct overlay_file *f = calloc(1, sizeof(*f));

	if (!f)
		return error_null(err, ENOMEM, "out of memory");
	f->fd = -1;
	f->name = strdup(name);
	if (!f->name) {
		free(f);
		return error_null(err, ENOMEM, "out of memory");
	}
	return f;
}

/* umount(2) returns before the mount's process has flushed and let go, so that
 * who mounts again at once finds the lock held for a moment. */
static int lock(const struct overlay_file *f, unsigned patience_ms, struct error *err)
{
	const struct timespec step = { .tv_nsec = LOCK_STEP_MS * 1000000l };

	while (flock(f->fd, (f->writable ? LOCK_EX : LOCK_SH) | LOCK_NB) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return error_set(err, errno, "the overlay cannot be locked: %s",
					 strerror(errno));
		if (patience_ms >= LOCK_STEP_MS) {
			nanosleep(&step, NULL);
			patience_ms -= LOCK_STEP_MS;
			continue;
		}
		error_set(err, EBUSY, "the overlay is in use");
		error_next(err, "unmount what uses it (adebackup mounts), or name another overlay file");
		return -EBUSY;
	}
	return 0;
}

static int check_file(const struct overlay_file *f, struct error *err)
{
	struct overlay_layout layout;
	struct stat st;

	if (fstat(f->fd, &st) < 0)
		return error_set(err, errno, "%s", strerror(errno));
	if (f->info.plaintext && (st.st_mode & 077)) {
		error_set(err, EACCES, "others may read this overlay, and it holds plaintext");
		error_next(err, "chmod 600 %s", f->name);
		return -EACCES;
	}
	if (overlay_layout(&f->info, &layout) || (uint64_t)st.st_size < layout.file_len) {
		error_set(err, EBADMSG, "the overlay file is cut short");
		error_next(err, "restore it from a copy");
		return -EBADMSG;
	}
	return 0;
}

static int read_header(struct overlay_file *f, struct error *err)
{
	uint8_t header[OVERLAY_HEADER_BYTES];
	ssize_t n;

	do
		n = pread(f->fd, header, sizeof(header), 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_set(err, errno, "the overlay cannot be read: %s", strerror(errno));
	return overlay_header_read(header, (size_t)n, &f->info, err);
}

static int open_file(struct overlay_file *f, struct error *err)
{
	struct stat st;

	f->fd = open(f->name, (f->writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (f->fd < 0)
		return error_set(err, errno, "the overlay cannot be opened: %s", strerror(errno));
	if (fstat(f->fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		error_set(err, EINVAL, "an overlay is a regular file, which this is not");
		error_next(err, "name a file, a folder of overlays, or tmp");
		return -EINVAL;
	}
	return 0;
}

static struct overlay_map *load_map(const struct overlay_file *f, struct overlay_layout *at, struct error *err)
{
	AUTO(overlay_map_free) struct overlay_map *m = NULL;

	if (overlay_layout(&f->info, at))
		return error_null(err, EINVAL, "impossible size");
	m = overlay_map_new((f->info.size - 1) / OVERLAY_BLOCK + 1, err);
	return m && overlay_map_load(m, f->fd, at->map_off, err) == 0 ? TAKE(m) : NULL;
}

/* What map and log say, while nobody writes. */
static int look_at_map(const struct overlay_file *f, struct overlay_look *out, struct error *err)
{
	struct overlay_layout at;
	AUTO(overlay_map_free) struct overlay_map *m = load_map(f, &at, err);
	uint64_t data, zero;
	size_t records;
	int rc = m ? overlay_log_replay(f->fd, &at, m, false, &records, err) : -err->code;

	if (rc)
		return rc;
	overlay_map_count(m, &data, &zero);
	out->written = data * OVERLAY_BLOCK;
	out->discarded = zero * OVERLAY_BLOCK;
	return 0;
}

int overlay_file_look(const char *path, struct overlay_look *out, struct error *err)
{
	AUTO(overlay_file_close) struct overlay_file *f = file_new(path, err);
	struct stat st;
	int rc;

	if (!f)
		return -ENOMEM;
	*out = (struct overlay_look){ 0 };
	rc = open_file(f, err);
	if (!rc)
		rc = read_header(f, err);
	if (!rc && fstat(f->fd, &st) < 0)
		rc = error_set(err, errno, "%s", strerror(errno));
	if (!rc) {
		out->info = f->info;
		out->allocated = (uint64_t)st.st_blocks * 512;
		rc = lock(f, 0, NULL);
		out->in_use = rc == -EBUSY;
		rc = out->in_use ? 0 : rc ? error_set(err, -rc, "%s", strerror(-rc))
					  : look_at_map(f, out, err);
	}
	if (rc)
		error_object(err, "%s", path);
	return rc;
}

int overlay_file_remove(const char *path, struct error *err)
{
	AUTO(overlay_file_close) struct overlay_file *f = overlay_file_open(path, OVERLAY_WRITE, err);
	int rc;

	if (!f)
		return err && err->code ? -err->code : -EIO;
	if (unlink(path) == 0)
		return 0;
	rc = error_set(err, errno, "it cannot be removed: %s", strerror(errno));
	error_object(err, "%s", path);
	return rc;
}

static struct overlay_file *open_as(const char *path, enum overlay_access access, struct error *err)
{
	AUTO(overlay_file_close) struct overlay_file *f = file_new(path, err);
	int rc;

	if (!f)
		return NULL;
	f->writable = access == OVERLAY_WRITE;
	rc = open_file(f, err);
	if (!rc)
		rc = read_header(f, err);	/* first: what is no overlay is never locked */
	if (!rc)
		rc = lock(f, LOCK_PATIENCE_MS, err);
	if (!rc)
		rc = check_file(f, err);
	if (rc)
		error_object(err, "%s", path);
	return rc ? NULL : TAKE(f);
}

/* Who only reads finds all in its place. */
static int settle(const char *path, struct error *err)
{
	AUTO(overlay_file_close) struct overlay_file *f = open_as(path, OVERLAY_WRITE, err);
	AUTO(overlay_map_free) struct overlay_map *m = NULL;
	struct overlay_layout at;
	int rc;

	if (!f) {
		if (err->code == EACCES || err->code == EROFS || err->code == EPERM)
			error_next(err, "its last mount was killed: mount it once where it may be written to");
		return -err->code;
	}
	m = load_map(f, &at, err);
	rc = m ? overlay_log_settle(f->fd, &at, m, err) : -err->code;
	if (rc)
		error_object(err, "%s", path);
	return rc;
}

static int is_settled(const struct overlay_file *f, bool *yes, struct error *err)
{
	struct overlay_layout at;
	size_t records = 0;
	int rc = overlay_layout(&f->info, &at);

	if (!rc && at.log_len)
		rc = overlay_log_replay(f->fd, &at, NULL, false, &records, err);
	*yes = !records;
	return rc;
}

struct overlay_file *overlay_file_open(const char *path, enum overlay_access access,
				       struct error *err)
{
	struct error none = ERROR_INIT;
	AUTO(overlay_file_close) struct overlay_file *f = NULL;
	bool yes = true;

	err = err ? err : &none;
	f = open_as(path, access, err);
	if (!f || access == OVERLAY_WRITE)
		return TAKE(f);
	if (is_settled(f, &yes, err))
		return NULL;
	if (yes)
		return TAKE(f);
	overlay_file_close(TAKE(f));	/* its lock is in the way */
	return settle(path, err) ? NULL : open_as(path, access, err);
}

static int write_header(struct overlay_file *f, const struct overlay_info *want, struct error *err)
{
	uint8_t header[OVERLAY_HEADER_BYTES];
	struct overlay_layout layout;
	ssize_t n;

	f->info = *want;
	f->info.logged = !f->temporary;
	f->fresh = f->writable = true;
	if (overlay_layout(&f->info, &layout))
		return error_set(err, EINVAL, "no overlay can lie over %llu bytes",
				 (unsigned long long)want->size);
	if (overlay_header_write(&f->info, header))
		return error_set(err, ENOMEM, "the overlay's header cannot be made");
	if (ftruncate(f->fd, (off_t)layout.file_len) < 0)
		return error_set(err, errno, "a sparse file of %llu bytes cannot be made here: %s",
				 (unsigned long long)layout.file_len, strerror(errno));
	n = pwrite(f->fd, header, sizeof(header), 0);
	if (n != (ssize_t)sizeof(header))
		return error_set(err, n < 0 ? errno : ENOSPC, "the overlay cannot be written: %s",
				 strerror(n < 0 ? errno : ENOSPC));
	return 0;
}

static int sync_folder(const char *path, struct error *err)
{
	int rc = file_sync_folder_of(path);

	return rc < 0 ? error_set(err, -rc, "the overlay's folder cannot be synced: %s", strerror(-rc)) : 0;
}

/* Under `draft` until it is whole.  0, 1: somebody else was faster, or -errno. */
static int make_at(struct overlay_file *f, const char *draft, const struct overlay_info *want,
		   struct error *err)
{
	int rc;

	f->fd = open(draft, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (f->fd < 0)
		return error_set(err, errno, "the overlay cannot be made: %s", strerror(errno));
	rc = write_header(f, want, err);
	if (!rc)
		rc = lock(f, 0, err);
	if (!rc && fsync(f->fd) < 0)
		rc = error_set(err, errno, "the overlay cannot be synced: %s", strerror(errno));
	if (!rc && renameat2(AT_FDCWD, draft, AT_FDCWD, f->name, RENAME_NOREPLACE) < 0)
		rc = errno == EEXIST ? 1 : error_set(err, errno, "the overlay cannot be named: %s",
						     strerror(errno));
	if (rc)
		unlink(draft);
	return rc ? rc : sync_folder(f->name, err);
}

/* NULL without words: somebody else was faster. */
static struct overlay_file *make(const char *path, const struct overlay_info *want, struct error *err)
{
	AUTO(overlay_file_close) struct overlay_file *f = file_new(path, err);
	AUTO(free) char *draft = NULL;
	int rc;

	if (!f || asprintf(&draft, "%s.%ld.new", path, (long)getpid()) < 0) {
		draft = NULL;
		return error_null(err, ENOMEM, "out of memory");
	}
	rc = make_at(f, draft, want, err);
	if (rc < 0)
		error_object(err, "%s", path);
	return rc ? NULL : TAKE(f);
}

struct overlay_file *overlay_file_use(const char *path, const struct overlay_info *want,
				      struct error *err)
{
	AUTO(overlay_file_close) struct overlay_file *f = NULL;

	error_clear(err);
	if (access(path, F_OK) < 0 && errno == ENOENT) {
		f = make(path, want, err);
		if (f || (err && err->code))
			return TAKE(f);
	}
	f = overlay_file_open(path, OVERLAY_WRITE, err);
	if (f && overlay_match(&f->info, want, err)) {
		error_object(err, "%s", path);
		return NULL;
	}
	return TAKE(f);
}

struct overlay_file *overlay_file_temporary(const struct overlay_info *want, struct error *err)
{
	AUTO(overlay_file_close) struct overlay_file *f = file_new("tmp", err);
	const char *dir = getenv("TMPDIR");
	AUTO(free) char *path = NULL;
	int rc;

	if (!dir || !*dir)
		dir = "/var/tmp";
	if (!f || asprintf(&path, "%s/adebackup-overlay.XXXXXX", dir) < 0) {
		path = NULL;
		return error_null(err, ENOMEM, "out of memory");
	}
	f->temporary = true;
	f->fd = mkostemp(path, O_CLOEXEC);
	if (f->fd < 0)
		rc = error_set(err, errno, "no temporary file can be made: %s", strerror(errno));
	else
		rc = unlink(path) < 0 ? error_set(err, errno, "%s", strerror(errno))
				      : write_header(f, want, err);
	if (rc) {
		error_object(err, "%s", dir);
		error_next(err, "set TMPDIR to a folder with room, or name an overlay file");
	}
	return rc ? NULL : TAKE(f);
}
