/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands between a backup and the C library (LD_PRELOAD), watching how a
 * vault in a folder is written.
 *	DIROPS_KILL="KIND STEP N"  kill -9 this process at the N-th time.  KIND
 *	    chunk: STEP read, of DIROPS_SOURCE.  KIND session vm segment map refs
 *	    manifest exp cond claim log item batch: STEP write half sync mkdir link linked
 *	    folder: before the put's write, in the middle of it, before its fsync,
 *	    after a folder was made, before its link, after it, before the folder's
 *	    fsync.  KIND pt/ ref/ seg/ cond/ ses/: STEP remove removed: before an
 *	    object of that folder is removed, and after it.
 *	DIROPS_LOG=FILE, DIROPS_SAVE=FOLDER  every operation on files and folders,
 *	    in order, and hard links to what was written, by inode number.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;	/* the log's order is that of what was done */
static __thread const char *kind = "";		/* of the object that this thread puts */
static __thread int linked;			/* its link is there, the folder not synced */

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void strike(const char *what, const char *step)
{
	static char want_kind[32], want_step[32];
	static int left = -1;
	const char *env = getenv("DIROPS_KILL");

	if (!env)
		return;
	pthread_mutex_lock(&lock);
	if (left < 0 && sscanf(env, "%31s %31s %d", want_kind, want_step, &left) != 3)
		abort();
	if (left > 0 && !strcmp(what, want_kind) && !strcmp(step, want_step) && --left == 0)
		kill(getpid(), SIGKILL);
	pthread_mutex_unlock(&lock);
}

static void path_of(int fd, const char *name, char *out, size_t size)
{
	char link[64];
	ssize_t n = 0;

	if (!name || name[0] != '/') {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, out, size - 1);
	}
	out[n < 0 ? 0 : n] = 0;
	if (name)
		snprintf(out + strlen(out), size - strlen(out), "%s%s", out[0] ? "/" : "", name);
}

static unsigned long long inode_of(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, name[0] ? AT_SYMLINK_NOFOLLOW : AT_EMPTY_PATH) == 0 ? st.st_ino : 0;
}

/* Under the lock: "OP INODE PATH [PATH]" */
static void note(const char *op, unsigned long long inode, const char *a, const char *b)
{
	const char *to = getenv("DIROPS_LOG");
	char line[3 * PATH_MAX];
	int fd, n = snprintf(line, sizeof(line), "%s %llu %s %s\n", op, inode, a, b);

	if (!to)
		return;
	fd = REAL(open64)(to, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || REAL(write)(fd, line, (size_t)n) != n)
		abort();
	close(fd);
}

static void save(int fd)
{
	const char *to = getenv("DIROPS_SAVE");
	char from[64], path[PATH_MAX];

	if (!to)
		return;
	snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	snprintf(path, sizeof(path), "%s/%llu", to, inode_of(fd, ""));
	if (REAL(linkat)(AT_FDCWD, from, AT_FDCWD, path, AT_SYMLINK_FOLLOW) < 0)
		abort();
}

int openat64(int dir, const char *name, int flags, ...)
{
	char path[PATH_MAX];
	va_list ap;
	int fd, mode;

	va_start(ap, flags);
	mode = va_arg(ap, int);
	va_end(ap);
	if (!(flags & O_CREAT))
		return REAL(openat64)(dir, name, flags, 0);
	pthread_mutex_lock(&lock);
	kind = "";
	fd = REAL(openat64)(dir, name, flags, mode);
	if (fd >= 0) {
		path_of(dir, name, path, sizeof(path));
		note("create", inode_of(fd, ""), path, "");
		save(fd);
	}
	pthread_mutex_unlock(&lock);
	return fd;
}

/* FORMAT.md: what begins like this is … */
static const char *kind_of(const unsigned char *p, size_t len)
{
	if (len > 12 && !memcmp(p, "ADEBKSEG", 8))
		return p[12] == 1 ? "segment" : "map";
	if (len < 12 || memcmp(p, "ADEBKOBJ", 8))
		return "";
	switch (p[10]) {
	case 3: return "manifest";
	case 5: return "session";
	case 7: return "exp";
	case 8: return "cond";
	case 9: return "claim";
	case 10: return "vm";
	case 11: return "log";
	case 13: return "refs";
	case 16: return "item";
	case 18: return "batch";
	default: return "other";
	}
}

ssize_t write(int fd, const void *buf, size_t len)
{
	const char *is = kind_of(buf, len);
	size_t part = len;

	if (*is) {
		const char *env = getenv("DIROPS_KILL");

		kind = is;
		linked = 0;
		strike(is, "write");
		if (env && strstr(env, " half "))
			part = len / 2;
	}
	if (part == len)
		return REAL(write)(fd, buf, len);
	if (REAL(write)(fd, buf, part) != (ssize_t)part)
		abort();
	strike(is, "half");
	return (ssize_t)part;
}

int fsync(int fd)
{
	char path[PATH_MAX];
	struct stat st;
	int rc, folder = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);

	if (*kind && (folder ? linked : 1))
		strike(kind, folder ? "folder" : "sync");
	pthread_mutex_lock(&lock);
	rc = REAL(fsync)(fd);
	path_of(fd, NULL, path, sizeof(path));
	note(folder ? "syncdir" : "sync", st.st_ino, path, "");
	pthread_mutex_unlock(&lock);
	return rc;
}

int linkat(int old_dir, const char *old, int new_dir, const char *new, int flags)
{
	char from[PATH_MAX], to[PATH_MAX];
	int rc;

	strike(kind, "link");
	pthread_mutex_lock(&lock);
	rc = REAL(linkat)(old_dir, old, new_dir, new, flags);
	path_of(old_dir, old, from, sizeof(from));
	path_of(new_dir, new, to, sizeof(to));
	if (rc == 0)
		note("link", inode_of(new_dir, new), to, "");
	pthread_mutex_unlock(&lock);
	linked = rc == 0;
	if (linked)
		strike(kind, "linked");
	return rc;
}

int renameat(int old_dir, const char *old, int new_dir, const char *new)
{
	char from[PATH_MAX], to[PATH_MAX];
	int rc;

	pthread_mutex_lock(&lock);
	rc = REAL(renameat)(old_dir, old, new_dir, new);
	path_of(old_dir, old, from, sizeof(from));
	path_of(new_dir, new, to, sizeof(to));
	if (rc == 0)
		note("rename", inode_of(new_dir, new), to, from);
	pthread_mutex_unlock(&lock);
	return rc;
}

int mkdirat(int dir, const char *name, mode_t mode)
{
	char path[PATH_MAX];
	int rc;

	pthread_mutex_lock(&lock);
	rc = REAL(mkdirat)(dir, name, mode);
	path_of(dir, name, path, sizeof(path));
	if (rc == 0)
		note("mkdir", inode_of(dir, name), path, "");
	pthread_mutex_unlock(&lock);
	if (rc == 0)
		strike(kind, "mkdir");
	return rc;
}

int unlinkat(int dir, const char *name, int flags)
{
	char path[PATH_MAX], folder[16];
	int rc;

	snprintf(folder, sizeof(folder), "%.*s", (int)(strcspn(name, "/") + 1), name);
	strike(folder, "remove");
	pthread_mutex_lock(&lock);
	path_of(dir, name, path, sizeof(path));
	rc = REAL(unlinkat)(dir, name, flags);
	if (rc == 0)
		note("unlink", 0, path, "");
	pthread_mutex_unlock(&lock);
	strike(folder, "removed");
	return rc;
}

ssize_t pread64(int fd, void *buf, size_t len, off_t off)
{
	const char *source = getenv("DIROPS_SOURCE");
	char path[PATH_MAX];

	if (source) {
		path_of(fd, NULL, path, sizeof(path));
		if (!strcmp(path, source))
			strike("chunk", "read");
	}
	return REAL(pread64)(fd, buf, len, off);
}
