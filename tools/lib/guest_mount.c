/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/guest_mount.h"
#include "tools/lib/loop.h"
#include "tools/lib/run_program.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#define FLAGS (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define FUSE_OPTIONS "ro,nosuid,nodev,noexec"

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

/* Runs until it has gone to the background, or failed. */
static int run(const char *const argv[], const char *package, struct error *err)
{
	struct program_end end;
	char line[256];
	int rc = program_run(argv, NULL, package, &end, err);

	if (!rc && end.code) {
		program_first_line(&end, line, sizeof(line));
		rc = error_set(err, EBADMSG, "%s refuses it: %s", argv[0], line);
	}
	free(end.said);
	return rc;
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
