/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/restore/target.h"
#include "fs/util/fileio.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define PATH_BYTES 4096
#define NOTE_HEAD "adebackup restore 1"
#define PIECE (64u << 10)

struct target {
	int fd;
	bool device;
	uint64_t size;
	char what[512];
	char path[PATH_BYTES], part[PATH_BYTES + 8], note[PATH_BYTES + 8], new_note[PATH_BYTES + 16];
};

void target_free(struct target *t)
{
	if (!t)
		return;
	if (t->fd >= 0)
		close(t->fd);
	free(t);
}

bool target_is_device(const struct target *t)
{
	return t->device;
}

static int open_device(struct target *t, struct error *err)
{
	uint64_t bytes = 0;

	/* O_EXCL: refused while it is mounted or otherwise in use. */
	t->fd = open(t->path, O_RDWR | O_EXCL | O_CLOEXEC);
	if (t->fd < 0)
		return error_set(err, errno, "cannot write to the device: %s", strerror(errno));
	if (ioctl(t->fd, BLKGETSIZE64, &bytes) < 0 || bytes < t->size)
		return error_set(err, ENOSPC, "the device has %" PRIu64 " bytes, the disk %" PRIu64, bytes,
				 t->size);
	t->device = true;
	return 0;
}

/* Line by line what target_note() wrote.  0 and *start, or -EINVAL. */
static int parse_note(const struct target *t, FILE *f, uint64_t *start)
{
	char head[64], what[sizeof(t->what) + 2], *nl;
	uint64_t size, done;

	if (!fgets(head, sizeof(head), f) || strcmp(head, NOTE_HEAD "\n") || !fgets(what, sizeof(what), f) ||
	    !(nl = strchr(what, '\n')))
		return -EINVAL;
	*nl = '\0';
	if (strcmp(what, t->what) || fscanf(f, "%" SCNu64 " %" SCNu64, &size, &done) != 2 ||
	    size != t->size || done > size)
		return -EINVAL;
	*start = done;
	return 0;
}

static int read_note(struct target *t, uint64_t *start, struct error *err)
{
	FILE *f = fopen(t->note, "re");
	int rc;

	if (!f) {
		error_set(err, ENOENT, "there is no restore to resume: %s is missing", t->note);
		error_next(err, "Remove %s and restore again without --resume.", t->part);
		return -ENOENT;
	}
	rc = parse_note(t, f, start);
	fclose(f);
	if (rc < 0) {
		error_set(err, EINVAL, "%s is of another restore (another point, disk or form)", t->note);
		error_next(err, "Remove it and %s, and restore again without --resume.", t->part);
	}
	return rc;
}

static int open_part(struct target *t, bool resume, uint64_t *start, struct error *err)
{
	bool there = access(t->part, F_OK) == 0;
	int rc = 0;

	if (access(t->path, F_OK) == 0) {
		error_set(err, EEXIST, "%s is there already, and nothing is overwritten", t->path);
		error_next(err, "Remove it, or name another place with --to.");
		return -EEXIST;
	}
	if (there && !resume) {
		error_set(err, EEXIST, "%s is there: a restore that was cut, or still runs", t->part);
		error_next(err, "Go on with it with --resume, or remove it.");
		return -EEXIST;
	}
	t->fd = open(t->part, O_RDWR | O_CREAT | O_CLOEXEC | (there ? 0 : O_EXCL), 0600);
	if (t->fd < 0)
		return error_set(err, errno, "cannot create %s: %s", t->part, strerror(errno));
	if (flock(t->fd, LOCK_EX | LOCK_NB) < 0)
		return error_set(err, EBUSY, "another restore writes %s", t->part);
	if (there)
		rc = read_note(t, start, err);	/* under the lock: it is not moving */
	if (rc < 0)
		return rc;
	if (ftruncate(t->fd, (off_t)t->size) < 0)
		return error_set(err, errno, "%s cannot have %" PRIu64 " bytes: %s", t->part, t->size,
				 strerror(errno));
	return 0;
}

struct target *target_open(const char *path, uint64_t size, const char *what, bool resume,
			   uint64_t *start, struct error *err)
{
	AUTO(target_free) struct target *t = calloc(1, sizeof(*t));
	struct stat st;
	int rc;

	*start = 0;
	if (!t)
		return error_null(err, ENOMEM, "out of memory");
	t->fd = -1;
	t->size = size;
	if (strlen(path) >= PATH_BYTES || size > INT64_MAX)
		return error_null(err, EINVAL, "the path is too long, or the disk too large for a file");
	snprintf(t->what, sizeof(t->what), "%s", what);
	snprintf(t->path, sizeof(t->path), "%s", path);
	snprintf(t->part, sizeof(t->part), "%s.part", path);
	snprintf(t->note, sizeof(t->note), "%s.resume", path);
	snprintf(t->new_note, sizeof(t->new_note), "%s.resume.new", path);
	if (stat(path, &st) == 0 && S_ISBLK(st.st_mode))
		rc = resume ? error_set(err, EINVAL, "a restore to a device cannot be resumed")
			    : open_device(t, err);
	else
		rc = open_part(t, resume, start, err);
	if (rc < 0) {
		error_object(err, "%s", path);
		return NULL;
	}
	return TAKE(t);
}

int target_write(struct target *t, const void *buf, size_t len, uint64_t off)
{
	const char *p = buf;

	while (len) {
		ssize_t n = pwrite(t->fd, p, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int target_zero(struct target *t, uint64_t off, uint64_t len)
{
	static const uint8_t zeros[PIECE];
	uint64_t range[2] = { off, len };
	int rc = 0;

	if (off % 512 == 0 && len % 512 == 0 && ioctl(t->fd, BLKZEROOUT, range) == 0)
		return 0;
	while (len && rc == 0) {
		size_t n = len < PIECE ? (size_t)len : PIECE;

		rc = target_write(t, zeros, n, off);
		off += n;
		len -= n;
	}
	return rc;
}

int target_read(struct target *t, void *buf, size_t len, uint64_t off)
{
	char *p = buf;

	while (len) {
		ssize_t n = pread(t->fd, p, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int target_is_zero(struct target *t, uint64_t off, uint64_t len, void *buf)
{
	uint64_t end = off + len;
	const uint8_t *b = buf;

	while (off < end) {
		off_t data = t->device ? (off_t)off : lseek(t->fd, (off_t)off, SEEK_DATA);
		size_t n;
		int rc;

		if (data < 0 && errno == ENXIO)
			return 1;
		if (data > (off_t)off)
			off = (uint64_t)data;
		if (off >= end)
			return 1;
		n = end - off < PIECE ? (size_t)(end - off) : PIECE;
		rc = target_read(t, buf, n, off);
		if (rc < 0)
			return rc;
		if (b[0] || memcmp(b, b + 1, n - 1))
			return 0;
		off += n;
	}
	return 1;
}

int target_note(struct target *t, uint64_t done)
{
	FILE *f;
	bool bad;

	if (t->device)
		return 0;
	if (fdatasync(t->fd) < 0)
		return -errno;
	f = fopen(t->new_note, "we");
	if (!f)
		return -errno;
	fprintf(f, NOTE_HEAD "\n%s\n%" PRIu64 " %" PRIu64 "\n", t->what, t->size, done);
	bad = fflush(f) || fsync(fileno(f)) < 0;
	if (fclose(f) || bad)
		return -EIO;
	return rename(t->new_note, t->note) < 0 ? -errno : 0;
}

int target_sync(struct target *t, struct error *err)
{
	if (fsync(t->fd) < 0)
		return error_set(err, errno, "%s: not all of it reached the disk: %s", t->path,
				 strerror(errno));
	/* What is read back comes from the disk. */
	posix_fadvise(t->fd, 0, 0, POSIX_FADV_DONTNEED);
	return 0;
}

int target_finish(struct target *t, struct error *err)
{
	if (t->device)
		return 0;
	/* link: a file that came up meanwhile is not overwritten. */
	if (link(t->part, t->path) < 0 && (errno == EEXIST || rename(t->part, t->path) < 0))
		return error_set(err, errno, "%s cannot be named %s: %s", t->part, t->path, strerror(errno));
	unlink(t->part);
	unlink(t->note);
	if (file_sync_folder_of(t->path) < 0)
		return error_set(err, EIO, "the folder of %s cannot be synced", t->path);
	return 0;
}
