/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/private_dir.h"
#include "fs/mount/mounttable.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define BASE "/run/adebackup"
#define WAITS 60	/* of 50 ms */

char *private_dir_new(const char *use, struct error *err)
{
	AUTO(free) char *path = NULL;

	if (geteuid()) {
		error_null(err, EPERM, "only root can make block devices and mount file systems");
		error_next(err, "run it as root (sudo); adebackup mount works for everybody");
		return NULL;
	}
	if (mkdir(BASE, 0700) && errno != EEXIST)
		return error_null(err, errno, BASE ": %s", strerror(errno));
	if (asprintf(&path, BASE "/%s-XXXXXX", use) < 0) {
		path = NULL;
		return error_null(err, ENOMEM, "out of memory");
	}
	if (!mkdtemp(path))
		return error_null(err, errno, "%s: %s", path, strerror(errno));
	return TAKE(path);
}

const char *private_dir_base(void)
{
	const char *base = getenv("XDG_RUNTIME_DIR");

	if (!geteuid())
		return BASE;
	return base && *base == '/' && !access(base, W_OK) ? base : "/tmp";
}

char *private_dir_any(const char *use, struct error *err)
{
	char *path;

	if (!geteuid())
		return private_dir_new(use, err);
	if (asprintf(&path, "%s/adebackup-%s-XXXXXX", private_dir_base(), use) < 0)
		return error_null(err, ENOMEM, "out of memory");
	if (mkdtemp(path))
		return path;
	error_null(err, errno, "%s: %s", path, strerror(errno));
	free(path);
	return NULL;
}

char *private_dir_of(const char *path, const char *use)
{
	size_t len = strlen(BASE "/");

	if (strncmp(path, BASE "/", len) || strncmp(path + len, use, strlen(use)) ||
	    path[len + strlen(use)] != '-')
		return NULL;
	return strndup(path, len + strcspn(path + len, "/"));
}

int private_dir_remove(const char *dir, bool lazily, struct error *err)
{
	const struct timespec pause = { .tv_nsec = 50000000 };
	int rc = unmount_dir(dir, lazily, err);

	for (int i = 0; i < WAITS && rc == -EBUSY; i++) {
		nanosleep(&pause, NULL);
		rc = unmount_dir(dir, lazily, err);
	}
	if (rc && rc != -EINVAL && rc != -ENOENT)
		return rc;
	if (err)
		error_clear(err);
	if (rmdir(dir) && errno != ENOENT)
		return error_set(err, errno, "%s: %s", dir, strerror(errno));
	return 0;
}
