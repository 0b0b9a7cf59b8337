/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/loop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/blkpg.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#define TRIES 32	/* others take free devices too */

static int refuse(struct error *err, const char *name, const char *what)
{
	int code = errno, rc = error_set(err, code, "%s: %s: %s", name, what, strerror(code));

	error_object(err, "%s", name);
	return rc;
}

static int blkpg(int fd, int op, unsigned n, uint64_t start, uint64_t size)
{
	struct blkpg_partition p = { .start = (long long)start, .length = (long long)size, .pno = (int)n };
	struct blkpg_ioctl_arg arg = { .op = op, .datalen = sizeof(p), .data = &p };

	return ioctl(fd, BLKPG, &arg);
}

/* Calls fn for the number of each partition; the first non-zero ends it. */
static int each_partition(const char *name, int (*fn)(void *arg, unsigned n), void *arg)
{
	const char *base = name + strlen("/dev/");
	size_t len = strlen(base);
	const struct dirent *e;
	char path[64];
	DIR *dir;
	int rc = 0;

	snprintf(path, sizeof(path), "/sys/block/%s", base);
	dir = opendir(path);
	while (dir && !rc && (e = readdir(dir)))
		if (!strncmp(e->d_name, base, len) && e->d_name[len] == 'p')
			rc = fn(arg, (unsigned)strtoul(e->d_name + len + 1, NULL, 10));
	if (dir)
		closedir(dir);
	return rc;
}

static int drop_stale(void *arg, unsigned n)
{
	return blkpg(*(int *)arg, BLKPG_DEL_PARTITION, n, 0, 0) && errno != ENXIO ? -errno : 0;
}

/* Whoever had the device before him may have left his partitions, which would lie over this file now. */
static int drop_stale_partitions(const struct loop_device *l, int fd, struct error *err)
{
	int rc = each_partition(l->name, drop_stale, &fd);

	if (!rc)
		return 0;
	ioctl(fd, LOOP_CLR_FD, 0);
	error_set(err, -rc, "%s: a partition of what it showed before cannot be removed: %s", l->name, strerror(-rc));
	error_object(err, "%s", l->name);
	error_next(err, "see what uses it with: lsblk %s; unmount it there first", l->name);
	return rc;
}

/* -EAGAIN: somebody else took it. */
static int configure(const struct loop_request *req, int file, struct loop_device *out,
		     struct error *err)
{
	struct loop_config c = { .fd = (uint32_t)file, .block_size = req->sector_size };
	AUTO(fd) int fd = open(out->name, (req->writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);

	if (fd < 0)
		return refuse(err, out->name, "cannot open the loop device");
	c.info.lo_flags = (req->writable ? 0 : LO_FLAGS_READ_ONLY) | (req->autoclear ? LO_FLAGS_AUTOCLEAR : 0);
	c.info.lo_offset = req->offset;
	c.info.lo_sizelimit = req->size;
	snprintf((char *)c.info.lo_file_name, sizeof(c.info.lo_file_name), "%s", req->file);
	if (ioctl(fd, LOOP_CONFIGURE, &c))
		return errno == EBUSY ? -EAGAIN : refuse(err, out->name, "cannot set up the loop device");
	if (drop_stale_partitions(out, fd, err) < 0)
		return -EBUSY;
	out->fd = take_fd(&fd);
	return 0;
}

int loop_attach(const struct loop_request *req, struct loop_device *out, struct error *err)
{
	AUTO(fd) int file = open(req->file, (req->writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	AUTO(fd) int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int rc = -EAGAIN;

	out->fd = -1;
	if (file < 0)
		return refuse(err, req->file, "cannot open it");
	if (control < 0) {
		rc = error_set(err, errno == ENOENT ? ENOTSUP : errno,
			       "this machine has no loop devices (/dev/loop-control: %s)",
			       strerror(errno));
		error_next(err, "load them with: modprobe loop");
		return rc;
	}
	for (int i = 0; i < TRIES && rc == -EAGAIN; i++) {
		int n = ioctl(control, LOOP_CTL_GET_FREE);

		if (n < 0)
			return refuse(err, "/dev/loop-control", "there is no free loop device");
		snprintf(out->name, sizeof(out->name), "/dev/loop%d", n);
		rc = configure(req, file, out, err);
	}
	return rc == -EAGAIN ? error_set(err, EBUSY, "no loop device stays free") : rc;
}

int loop_add_partition(const struct loop_device *l, unsigned n, uint64_t start, uint64_t size,
		       struct error *err)
{
	char name[64];

	if (!blkpg(l->fd, BLKPG_ADD_PARTITION, n, start, size))
		return 0;
	snprintf(name, sizeof(name), "%sp%u", l->name, n);
	return refuse(err, name, "the kernel refuses this partition");
}

bool loop_whole(const char *device, char name[32])
{
	static const char prefix[] = "/dev/loop";
	size_t len = sizeof(prefix) - 1, digits;

	if (strncmp(device, prefix, len))
		return false;
	digits = strspn(device + len, "0123456789");
	if (!digits || digits > 9 || (device[len + digits] && device[len + digits] != 'p'))
		return false;
	snprintf(name, 32, "%.*s", (int)(len + digits), device);
	return true;
}

char *loop_file(const char *name, struct error *err)
{
	char path[96], *line = NULL;
	size_t room = 0;
	ssize_t n = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/block/%s/loop/backing_file", name + strlen("/dev/"));
	f = fopen(path, "re");
	if (f) {
		n = getline(&line, &room, f);
		fclose(f);
	}
	if (n > 0 && line[n - 1] == '\n')
		line[n - 1] = '\0';
	if (n > 0)
		return line;
	free(line);
	error_null(err, ENOENT, "%s is no loop device in use", name);
	error_object(err, "%s", name);
	return NULL;
}

bool loop_is_over(const char *name, const char *dir)
{
	AUTO(free) char *file = loop_file(name, NULL);
	size_t len = strlen(dir);

	return file && !strncmp(file, dir, len) && file[len] == '/';
}

bool loop_any_other(const char *name, const char *dir)
{
	const struct dirent *e;
	bool any = false;
	DIR *blocks = opendir("/sys/block");

	while (blocks && !any && (e = readdir(blocks))) {
		char other[32];

		if (snprintf(other, sizeof(other), "/dev/%s", e->d_name) >= (int)sizeof(other) ||
		    strncmp(e->d_name, "loop", 4) || !strcmp(other, name))
			continue;
		any = loop_is_over(other, dir);
	}
	if (blocks)
		closedir(blocks);
	return any;
}

struct detaching {
	const char *name;
	int fd;
	struct error *err;
};

static int check_unused(const struct detaching *d, const char *device)
{
	AUTO(fd) int fd = open(device, O_RDONLY | O_EXCL | O_CLOEXEC);
	int rc;

	if (fd >= 0 || errno != EBUSY)
		return 0;
	rc = error_set(d->err, EBUSY, "%s is in use", device);
	error_object(d->err, "%s", device);
	error_next(d->err, "see what uses it with: lsblk %s; unmount it there first", d->name);
	return rc;
}

static int check_partition(void *arg, unsigned n)
{
	const struct detaching *d = arg;
	char device[64];

	snprintf(device, sizeof(device), "%sp%u", d->name, n);
	return check_unused(d, device);
}

static int remove_partition(void *arg, unsigned n)
{
	const struct timespec pause = { .tv_nsec = 50000000 };
	const struct detaching *d = arg;
	char device[64];
	int rc = blkpg(d->fd, BLKPG_DEL_PARTITION, n, 0, 0);

	/* udev looks into new devices for a moment */
	for (int i = 0; i < TRIES && rc && errno == EBUSY; i++) {
		nanosleep(&pause, NULL);
		rc = blkpg(d->fd, BLKPG_DEL_PARTITION, n, 0, 0);
	}
	if (!rc)
		return 0;
	snprintf(device, sizeof(device), "%sp%u", d->name, n);
	return refuse(d->err, device, "cannot remove the partition");
}

int loop_detach(const char *name, struct error *err)
{
	AUTO(fd) int fd = open(name, O_RDONLY | O_CLOEXEC);
	struct detaching d = { .name = name, .fd = fd, .err = err };
	int rc;

	if (fd < 0)
		return refuse(err, name, "cannot open the loop device");
	rc = each_partition(name, check_partition, &d);
	if (!rc)
		rc = check_unused(&d, name);
	if (!rc)
		rc = each_partition(name, remove_partition, &d);
	if (rc)
		return rc;
	return ioctl(fd, LOOP_CLR_FD) ? refuse(err, name, "cannot detach it") : 0;
}
