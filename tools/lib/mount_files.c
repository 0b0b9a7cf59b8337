/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/mount_files.h"
#include "fs/mount/mounttable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX (8u << 20)

static bool is_below(const char *dir, const char *mount)
{
	size_t len = strlen(mount);

	return !strncmp(dir, mount, len) && (!dir[len] || dir[len] == '/');
}

char *mount_files_root(const char *dir, struct error *err)
{
	AUTO(mounttable_free) struct mounttable *t = mounttable_read(err);
	AUTO(free) char *path = t ? realpath(dir, NULL) : NULL;
	int code = errno;

	for (size_t i = t && path ? t->n : 0; i--;)
		if (is_below(path, t->entries[i].dir) && !strcmp(t->entries[i].type, MOUNT_FSTYPE))
			return strdup(t->entries[i].dir);
	if (!t)
		return NULL;
	if (path)
		error_null(err, ENOENT, "nothing of ours is mounted there");
	else
		error_null(err, code, "%s", strerror(code));
	error_object(err, "%s", dir);
	error_next(err, "see what is mounted: adebackup mounts");
	return NULL;
}

/* Its size is not told: read to the end. */
static char *read_text(int fd, size_t *len)
{
	AUTO(free) char *text = malloc(TEXT_MAX);
	ssize_t n = 1;

	*len = 0;
	while (text && *len < TEXT_MAX && (n = read(fd, text + *len, TEXT_MAX - *len)) > 0)
		*len += (size_t)n;
	return text && n == 0 ? TAKE(text) : NULL;
}

json_t *mount_files_read(const char *root, const char *name, struct error *err)
{
	AUTO(free) char *path = NULL, *text = NULL;
	AUTO(fd) int fd = -1;
	size_t len;

	if (asprintf(&path, "%s/%s", root, name) < 0) {
		path = NULL;
		return error_null(err, ENOMEM, "out of memory");
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_null(err, errno, "%s: %s", path, strerror(errno));
	text = read_text(fd, &len);
	return text ? json_parse(text, len, err) : error_null(err, EIO, "%s cannot be read", path);
}
