/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

struct file {
	struct blockdev bd;
	int fd;
	bool holes;		/* SEEK_DATA works here */
};

static int file_pread(struct blockdev *bd, void *buf, size_t len, uint64_t off)
{
	const struct file *f = (const struct file *)bd;
	char *p = buf;

	while (len) {
		ssize_t n = pread(f->fd, p, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;	/* cut short since it was opened */
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/* SEEK_DATA moves the descriptor's offset, which nothing else here uses. */
static int file_extents(struct blockdev *bd, uint64_t off, uint64_t len, extent_fn *fn, void *arg)
{
	const struct file *f = (const struct file *)bd;
	uint64_t end = off + len;

	while (off < end) {
		off_t data = f->holes ? lseek(f->fd, (off_t)off, SEEK_DATA) : (off_t)off;
		uint64_t stop;
		off_t hole;
		int rc;

		if (data < 0 && errno == ENXIO)
			return fn(arg, off, end - off, EXTENT_HOLE);
		if (data < 0)
			return fn(arg, off, end - off, EXTENT_DATA);
		if ((uint64_t)data > off) {
			stop = (uint64_t)data < end ? (uint64_t)data : end;
			rc = fn(arg, off, stop - off, EXTENT_HOLE);
			if (rc || stop == end)
				return rc;
			off = stop;
		}
		hole = f->holes ? lseek(f->fd, (off_t)off, SEEK_HOLE) : (off_t)end;
		stop = hole > (off_t)off && (uint64_t)hole < end ? (uint64_t)hole : end;
		rc = fn(arg, off, stop - off, EXTENT_DATA);
		if (rc)
			return rc;
		off = stop;
	}
	return 0;
}

static void file_prefetch(struct blockdev *bd, uint64_t off, uint64_t len)
{
	const struct file *f = (const struct file *)bd;

	posix_fadvise(f->fd, (off_t)off, (off_t)len, POSIX_FADV_WILLNEED);
}

static void file_free(struct blockdev *bd)
{
	struct file *f = (struct file *)bd;

	close(f->fd);
	free(f);
}

static const struct blockdev_ops file_ops = {
	.name = "file", .pread = file_pread, .extents = file_extents,
	.prefetch = file_prefetch, .free = file_free,
};

static int file_size(int fd, uint64_t *size, bool *holes, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_set(err, errno, "%s", strerror(errno));
	*holes = S_ISREG(st.st_mode);
	if (S_ISREG(st.st_mode)) {
		*size = (uint64_t)st.st_size;
		return 0;
	}
	if (!S_ISBLK(st.st_mode)) {
		error_set(err, EINVAL, S_ISDIR(st.st_mode) ? "this is a folder, not a disk"
							   : "neither a regular file nor a block device");
		error_next(err, "Name a raw disk image, a fixed VHD or a block device.");
		return -EINVAL;
	}
	if (ioctl(fd, BLKGETSIZE64, size) < 0)
		return error_set(err, errno, "its size cannot be read: %s", strerror(errno));
	return 0;
}

struct blockdev *file_open(const char *path, struct error *err)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	AUTO(free) struct file *f = calloc(1, sizeof(*f));
	uint64_t size;

	if (fd < 0) {
		error_null(err, errno, "cannot open it: %s", strerror(errno));
		error_object(err, "%s", path);
		return NULL;
	}
	if (!f)
		return error_null(err, ENOMEM, "out of memory");
	if (file_size(fd, &size, &f->holes, err) < 0) {
		error_object(err, "%s", path);
		return NULL;
	}
	blockdev_init(&f->bd, &file_ops, NULL, size);
	f->bd.align = 4096;
	f->fd = take_fd(&fd);
	return &TAKE(f)->bd;
}
