/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/mount/mounttable.h"
#include "tools/lib/private_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#define YOUNG_S 2	/* its owner may not have locked it yet */
#define DEPTH 3

int private_dir_own(const char *dir, struct error *err)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	error_set(err, errno, "%s: %s", dir, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -err->code;
}

static void clear(const char *dir, int depth);

/* What is mounted is let go of and never entered. */
static void clear_entry(const char *dir, const char *name, int depth)
{
	AUTO(free) char *path = NULL;
	struct stat st;

	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		return;
	}
	if (!unlink(path) || errno == ENOENT)
		return;
	unmount_dir(path, true, NULL);
	if (rmdir(path) && errno == ENOTEMPTY && depth && !lstat(path, &st) && S_ISDIR(st.st_mode)) {
		clear(path, depth - 1);
		rmdir(path);
	}
}

static void clear(const char *dir, int depth)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			clear_entry(dir, e->d_name, depth);
	if (d)
		closedir(d);
}

/* Ours, old enough, and locked by nobody: its process is gone. */
static bool is_left(const char *dir)
{
	AUTO(fd) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct timespec now;
	struct stat st;

	clock_gettime(CLOCK_REALTIME, &now);
	return fd >= 0 && !fstat(fd, &st) && st.st_uid == geteuid() && now.tv_sec - st.st_ctim.tv_sec > YOUNG_S &&
	       !flock(fd, LOCK_EX | LOCK_NB);
}

static size_t sweep(const char *base, const char *prefix)
{
	size_t len = strlen(prefix), n = 0;
	DIR *d = opendir(base);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		AUTO(free) char *path = NULL;

		if (strncmp(e->d_name, prefix, len) || asprintf(&path, "%s/%s", base, e->d_name) < 0 || !is_left(path))
			continue;
		clear(path, DEPTH);
		n += !rmdir(path);
	}
	if (d)
		closedir(d);
	return n;
}

size_t private_dir_sweep(const char *use)
{
	char prefix[60];

	snprintf(prefix, sizeof(prefix), "%s%s-", geteuid() ? "adebackup-" : "", use);
	return sweep(private_dir_base(), prefix);
}
