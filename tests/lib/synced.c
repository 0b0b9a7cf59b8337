/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/synced.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A name that its folder had when it was synced; folder 0: a file's own bytes. */
struct durable {
	ino_t folder, what;
	off_t size;
	char name[256];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;	/* guards what follows */
static bool on;
static struct durable *known;
static size_t n_known;

/* Under the lock. */
static void add(struct durable d)
{
	struct durable *more = realloc(known, (n_known + 1) * sizeof(*known));

	if (!more)
		abort();
	known = more;
	known[n_known++] = d;
}

static void add_names(int fd, ino_t folder)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		struct durable row = { .folder = folder };
		struct stat st;

		if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		row.what = st.st_ino;
		snprintf(row.name, sizeof(row.name), "%s", e->d_name);
		add(row);
	}
	if (d)
		closedir(d);
	else
		close(copy);
}

int fsync(int fd)
{
	int rc = (int)syscall(SYS_fsync, fd);
	struct stat st;

	pthread_mutex_lock(&lock);
	if (rc == 0 && on && fstat(fd, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			add_names(fd, st.st_ino);
		else
			add((struct durable){ .what = st.st_ino, .size = st.st_size });
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

void synced_begin(void)
{
	synced_end();
	pthread_mutex_lock(&lock);
	on = true;
	pthread_mutex_unlock(&lock);
}

void synced_end(void)
{
	pthread_mutex_lock(&lock);
	on = false;
	free(known);
	known = NULL;
	n_known = 0;
	pthread_mutex_unlock(&lock);
}

static bool has(ino_t folder, const char *name, const struct stat *st)
{
	bool found = false;

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < n_known && !found; i++)
		found = known[i].folder == folder && known[i].what == st->st_ino && !strcmp(known[i].name, name) &&
			(folder || known[i].size == st->st_size);
	pthread_mutex_unlock(&lock);
	return found;
}

bool synced_name(const char *root, const char *path)
{
	char at[PATH_MAX], name[256];
	struct stat folder, st;

	snprintf(at, sizeof(at), "%s", root);
	for (const char *p = path; *p;) {
		size_t n = strcspn(p, "/"), len = strlen(at);

		snprintf(name, sizeof(name), "%.*s", (int)n, p);
		if (stat(at, &folder) < 0)
			return false;
		snprintf(at + len, sizeof(at) - len, "/%s", name);
		if (stat(at, &st) < 0 || !has(folder.st_ino, name, &st))
			return false;
		p += n + (p[n] == '/');
	}
	return true;
}

bool synced_bytes(const char *root, const char *path)
{
	char at[PATH_MAX];
	struct stat st;

	snprintf(at, sizeof(at), "%s/%s", root, path);
	return stat(at, &st) == 0 && has(0, "", &st);
}
