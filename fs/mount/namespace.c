/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/mount/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct mount_ns {
	int there, here;	/* namespace files */
};

static int open_file(const char *path, struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		error_set(err, errno, "cannot open the namespace: %s", strerror(errno));
	} else if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNS) {
		close(fd);
		fd = error_set(err, EINVAL, "not a mount namespace");
	}
	if (fd < 0) {
		error_object(err, "%s", path);
		error_next(err, "name one like /proc/PID/ns/mnt");
	}
	return fd;
}

struct mount_ns *mount_ns_open(const char *path, struct error *err)
{
	AUTO(mount_ns_free) struct mount_ns *ns = malloc(sizeof(*ns));

	if (!ns)
		return error_null(err, ENOMEM, "out of memory");
	ns->here = -1;
	ns->there = open_file(path, err);
	if (ns->there >= 0)
		ns->here = open_file("/proc/self/ns/mnt", err);
	return ns->here < 0 ? NULL : TAKE(ns);
}

void mount_ns_free(struct mount_ns *ns)
{
	if (!ns)
		return;
	if (ns->here >= 0)
		close(ns->here);
	if (ns->there >= 0)
		close(ns->there);
	free(ns);
}

/* The kernel refuses a thread that shares its root and working directory. */
static int go(int fd, struct error *err)
{
	int code;

	if (!unshare(CLONE_FS) && !setns(fd, CLONE_NEWNS))
		return 0;
	code = errno;
	error_set(err, code, "cannot change the mount namespace: %s", strerror(code));
	if (code == EPERM)
		error_next(err, "mount as root, or without -N");
	return -code;
}

int mount_ns_enter(const struct mount_ns *ns, struct error *err)
{
	return ns ? go(ns->there, err) : 0;
}

int mount_ns_leave(const struct mount_ns *ns, struct error *err)
{
	return ns ? go(ns->here, err) : 0;
}
