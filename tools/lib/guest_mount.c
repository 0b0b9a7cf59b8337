/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/guest_mount.h"
#include "tools/lib/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>

#define FLAGS (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define FUSE_OPTIONS "ro,nosuid,nodev,noexec"

extern char **environ;

enum by { BY_NOTHING, BY_KERNEL, BY_NTFS_3G, BY_FUSEFAT };

static const struct how {
	const char *holds, *type, *options;
	enum by first, second;		/* second: where the kernel knows no such file system */
} ways[] = {
	{ "ext2", "ext4", "noload", BY_KERNEL, BY_NOTHING },
	{ "ext3", "ext4", "noload", BY_KERNEL, BY_NOTHING },
	{ "ext4", "ext4", "noload", BY_KERNEL, BY_NOTHING },
	{ "xfs", "xfs", "norecovery,nouuid", BY_KERNEL, BY_NOTHING },
	{ "exfat", "exfat", "", BY_KERNEL, BY_NOTHING },
	{ "vfat", "vfat", "utf8", BY_KERNEL, BY_FUSEFAT },
	{ "ntfs", "ntfs", "", BY_NTFS_3G, BY_NOTHING },
};

static const struct how *way_for(const char *holds)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(ways[i].holds, holds))
			return &ways[i];
	return NULL;
}

bool guest_has_files(const char *holds)
{
	static const char *const none[] = { "", "swap", "lvm", "msr", "empty" };

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (!strcmp(holds, none[i]))
			return false;
	return true;
}

static int mount_by_kernel(const char *image, const struct how *how, const char *dir,
			   struct error *err)
{
	struct loop_request req = { .file = image, .sector_size = 512, .autoclear = true };
	struct loop_device loop;
	int rc = loop_attach(&req, &loop, err);
	AUTO(fd) int fd = loop.fd;

	if (rc)
		return rc;
	if (!mount(loop.name, dir, how->type, FLAGS, how->options))
		return 0;
	rc = errno;
	if (rc == ENODEV)
		return error_set(err, ENOTSUP, "this machine's kernel knows no %s", how->holds);
	error_set(err, rc == EINVAL || rc == EUCLEAN ? EBADMSG : rc, "the kernel refuses this %s: %s",
		  how->holds, strerror(rc));
	error_next(err, "dmesg says why; check a copy of the view with the file system's own tools");
	return -err->code;
}

/* The first line that a program said, without its line's end. */
static void first_line(int fd, char *line, size_t size)
{
	ssize_t n = pread(fd, line, size - 1, 0);

	line[n > 0 ? n : 0] = '\0';
	line[strcspn(line, "\n")] = '\0';
}

/* Runs until it has gone to the background, or failed. */
static int run(const char *const argv[], const char *package, struct error *err)
{
	AUTO(fd) int said = memfd_create("said", MFD_CLOEXEC);
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	char line[256];
	sigset_t none;
	int rc, status;
	pid_t pid;

	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, said, 1);
	posix_spawn_file_actions_adddup2(&actions, said, 2);
	rc = said < 0 ? errno : posix_spawnp(&pid, argv[0], &actions, &attr, (char **)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	if (rc == ENOENT) {
		error_set(err, ENOTSUP, "%s is not installed", argv[0]);
		error_next(err, "install the package %s", package);
		return -ENOTSUP;
	}
	if (rc)
		return error_set(err, rc, "cannot start %s: %s", argv[0], strerror(rc));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return error_set(err, errno, "%s: %s", argv[0], strerror(errno));
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	first_line(said, line, sizeof(line));
	return error_set(err, EBADMSG, "%s refuses it: %s", argv[0], line[0] ? line : "no reason given");
}

static int mount_by(enum by by, const char *image, const struct how *how, const char *dir,
		    struct error *err)
{
	const char *const ntfs[] = { "ntfs-3g", "-o", FUSE_OPTIONS, image, dir, NULL };
	const char *const fat[] = { "fusefat", "-o", FUSE_OPTIONS, image, dir, NULL };

	switch (by) {
	case BY_KERNEL:
		return mount_by_kernel(image, how, dir, err);
	case BY_NTFS_3G:
		return run(ntfs, "ntfs-3g", err);
	case BY_FUSEFAT:
		return run(fat, "fusefat", err);
	case BY_NOTHING:
		break;
	}
	return error_set(err, ENOTSUP, "nothing here mounts it");
}

int guest_mount(const char *image, const char *holds, const char *dir, struct error *err)
{
	const struct how *how = way_for(holds);
	int rc;

	if (!how) {
		rc = error_set(err, ENOTSUP, "%s is not mounted by adebackup", holds);
		error_next(err, "make a block device of it with adebackup attach --view, and mount that");
		return rc;
	}
	rc = mount_by(how->first, image, how, dir, err);
	if (rc == -ENOTSUP && how->second != BY_NOTHING)
		rc = mount_by(how->second, image, how, dir, err);
	return rc;
}
