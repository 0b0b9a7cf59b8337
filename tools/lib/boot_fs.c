/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/boot_fs.h"
#include "fs/image/bootfile.h"
#include "fs/image/file.h"
#include "fs/image/slice.h"
#include "fs/util/fileio.h"
#include "tools/lib/ext_journal.h"
#include "tools/lib/loop.h"
#include "tools/lib/run_program.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define FILE_MAX (1u << 20)
#define PIECE (256u << 10)

struct boot_fs {
	const char *image;	/* borrowed */
	uint64_t start, size;	/* bytes, of the partition in it */
	char *target;		/* ext: "IMAGE?offset=N", as e2fsprogs read it */
	char *dir;		/* xfs: where it is mounted */
	int top;		/* and its folder, open; -1: not mounted */
	char *data;		/* a file of ours for debugfs to read */
};

void boot_fs_close(struct boot_fs *b)
{
	if (!b)
		return;
	if (b->top >= 0)
		close(b->top);
	if (b->dir) {
		umount2(b->dir, 0);
		rmdir(b->dir);
	}
	if (b->data)
		unlink(b->data);
	free(b->target);
	free(b->dir);
	free(b->data);
	free(b);
}

/* Names come from the guest, and debugfs reads commands. */
static int check_path(const char *path, struct error *err)
{
	if (path[strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+-@~")] ||
	    strstr(path, "/../") || *path != '/')
		return error_set(err, ENOTSUP, "%.100s: not a name for a boot file", path);
	return 0;
}

static int open_ext(struct boot_fs *b, const char *image, uint64_t start, struct error *err)
{
	if (asprintf(&b->target, "%s?offset=%llu", image, (unsigned long long)start) < 0) {
		b->target = NULL;
		return error_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

int boot_fs_replay(struct boot_fs *b, bool *replayed, struct error *err)
{
	*replayed = false;
	return b->dir ? 0 : ext_journal_replay(b->image, b->start, replayed, err);
}

static int mount_xfs(struct boot_fs *b, bool writable, const char *work, struct error *err)
{
	struct loop_request req = { .file = b->image, .sector_size = 512, .autoclear = true, .writable = writable,
				    .offset = b->start, .size = b->size };
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | (writable ? 0 : MS_RDONLY);
	struct loop_device loop;
	int rc;

	if (geteuid()) {
		error_set(err, EPERM, "the guest's boot file system is xfs, which only root can %s, by the kernel",
			  writable ? "write to" : "read");
		error_next(err, "run it as root, or start the guest as it is: --no-adapt");
		return -EPERM;
	}
	if (asprintf(&b->dir, "%s/bootfs", work) < 0 || mkdir(b->dir, 0700)) {
		rc = error_set(err, errno, "%s: %s", b->dir ? b->dir : work, strerror(errno));
		free(b->dir);
		b->dir = NULL;
		return rc;
	}
	rc = loop_attach(&req, &loop, err);
	if (!rc && mount(loop.name, b->dir, "xfs", flags, writable ? "nouuid" : "norecovery,nouuid"))
		rc = error_set(err, errno == ENODEV ? ENOTSUP : EBADMSG, "the kernel refuses the guest's xfs: %s",
			       strerror(errno));
	if (loop.fd >= 0)
		close(loop.fd);
	if (rc)
		return rc;
	b->top = open(b->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return b->top < 0 ? error_set(err, errno, "%s: %s", b->dir, strerror(errno)) : 0;
}

static struct boot_fs *open_fs(const char *image, uint64_t start, uint64_t size, const char *holds, bool writable,
			       const char *work, struct error *err)
{
	AUTO(boot_fs_close) struct boot_fs *b = calloc(1, sizeof(*b));
	int rc;

	if (!b)
		return error_null(err, ENOMEM, "out of memory");
	b->top = -1;
	if (asprintf(&b->data, "%s/file", work) < 0) {
		b->data = NULL;
		return error_null(err, ENOMEM, "out of memory");
	}
	b->image = image;
	b->start = start;
	b->size = size;
	if (!strncmp(holds, "ext", 3) && strcmp(holds, "exfat"))
		rc = open_ext(b, image, start, err);
	else if (!strcmp(holds, "xfs"))
		rc = mount_xfs(b, writable, work, err);
	else
		rc = error_set(err, ENOTSUP, "a boot file system of kind %s is not %s", holds,
			       writable ? "written to" : "read");
	return rc ? NULL : TAKE(b);
}

struct boot_fs *boot_fs_open(const char *image, uint64_t start, uint64_t size, const char *holds,
			     const char *work, struct error *err)
{
	return open_fs(image, start, size, holds, true, work, err);
}

struct boot_fs *boot_fs_open_read_only(const char *image, uint64_t start, uint64_t size, const char *holds,
				       const char *work, struct error *err)
{
	return open_fs(image, start, size, holds, false, work, err);
}

/* A name of the mounted file system; what a link of the guest's points at is this machine's. */
static int open_inside(const struct boot_fs *b, const char *path, int flags)
{
	struct open_how how = { .flags = (unsigned)(flags | O_CLOEXEC | O_NONBLOCK), .mode = flags & O_CREAT ? 0644 : 0,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV };

	return (int)syscall(SYS_openat2, b->top, path, &how, sizeof(how));
}

static int open_file_inside(const struct boot_fs *b, const char *path, struct error *err)
{
	AUTO(fd) int fd = open_inside(b, path, O_RDONLY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return error_set(err, fd < 0 && errno == ENOSYS ? ENOTSUP : ENOENT, "%s: there is no such file", path);
	return take_fd(&fd);
}

/* Nothing is done by halves on a command that fails: callers look at the result. */
static int debugfs(struct boot_fs *b, const char *commands, struct program_end *end, struct error *err)
{
	const char *const argv[] = { "debugfs", "-w", "-f", "/dev/stdin", b->target, NULL };

	return program_run(argv, commands, "e2fsprogs", end, err);
}

static char *read_all(struct blockdev *bd, size_t *len, struct error *err)
{
	AUTO(free) char *text = bd->size <= FILE_MAX ? calloc(1, bd->size + 1) : NULL;
	int rc = text ? blockdev_pread(bd, text, bd->size, 0) : -EFBIG;

	if (rc)
		return error_null(err, -rc, "the file cannot be read: %s", strerror(-rc));
	*len = bd->size;
	return TAKE(text);
}

static char *read_ext(struct boot_fs *b, const char *path, size_t *len, struct error *err)
{
	AUTO(blockdev_unref) struct blockdev *part = slice_open(file_open(b->image, err), b->start, b->size, err);
	AUTO(blockdev_unref) struct blockdev *file = part ? bootfile_open_ext(part, path, err) : NULL;

	return file ? read_all(file, len, err) : NULL;
}

static char *read_mounted(const struct boot_fs *b, const char *path, size_t *len, struct error *err)
{
	AUTO(fd) int fd = open_file_inside(b, path, err);
	AUTO(blockdev_unref) struct blockdev *file = NULL;
	char name[40];

	if (fd < 0)
		return NULL;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	file = file_open(name, err);
	return file ? read_all(file, len, err) : NULL;
}

char *boot_fs_read(struct boot_fs *b, const char *path, size_t *len, struct error *err)
{
	if (check_path(path, err))
		return NULL;
	return b->dir ? read_mounted(b, path, len, err) : read_ext(b, path, len, err);
}

static int stream_mounted(const struct boot_fs *b, const char *path, boot_fs_piece_fn *fn, void *arg,
			  struct error *err)
{
	AUTO(fd) int fd = open_file_inside(b, path, err);
	AUTO(free) char *buf = malloc(PIECE);
	ssize_t n;
	int rc = 0;

	if (fd < 0 || !buf)
		return fd < 0 ? fd : error_set(err, ENOMEM, "out of memory");
	while (!rc && (n = read(fd, buf, PIECE)) > 0)
		rc = fn(arg, buf, (size_t)n);
	return rc || !n ? rc : error_set(err, errno, "%s: %s", path, strerror(errno));
}

int boot_fs_stream(struct boot_fs *b, const char *path, boot_fs_piece_fn *fn, void *arg, struct error *err)
{
	AUTO(blockdev_unref) struct blockdev *part = NULL;
	int rc = check_path(path, err);

	if (rc)
		return rc;
	if (b->dir)
		return stream_mounted(b, path, fn, arg, err);
	part = slice_open(file_open(b->image, err), b->start, b->size, err);
	return part ? bootfile_stream_ext(part, path, fn, arg, err) : -err->code;
}

/* "/16/100644/0/0/a.conf/8/" */
static bool is_listed(char *line, const char **name)
{
	char *field = line, *slash;

	for (int i = 0; i < 5; i++) {
		field = strchr(field, '/');
		if (!field++)
			return false;
		if (i == 1 && strncmp(field, "100", 3))
			return false;
	}
	slash = strchr(field, '/');
	if (!slash)
		return false;
	*slash = '\0';
	*name = field;
	return true;
}

static void print_name(FILE *f, const char *name, const char *suffix)
{
	size_t len = strlen(name), end = strlen(suffix);

	if (len > end && !strcmp(name + len - end, suffix) && !strchr(name, '\n'))
		fprintf(f, "%s\n", name);
}

static int list_ext(struct boot_fs *b, const char *dir, const char *suffix, FILE *f, struct error *err)
{
	AUTO(free) char *command = NULL;
	struct program_end end;
	const char *name;
	char *at;
	int rc;

	if (asprintf(&command, "ls -p %s", dir) < 0) {
		command = NULL;
		return error_set(err, ENOMEM, "out of memory");
	}
	const char *const argv[] = { "debugfs", "-R", command, b->target, NULL };

	rc = program_run(argv, NULL, "e2fsprogs", &end, err);
	at = end.said;
	for (char *line; !rc && (line = strsep(&at, "\n"));)
		if (*line == '/' && is_listed(line, &name))
			print_name(f, name, suffix);
	free(end.said);
	return rc;
}

static int list_mounted(const struct boot_fs *b, const char *dir, const char *suffix, FILE *f)
{
	AUTO(fd) int fd = open_inside(b, dir, O_RDONLY | O_DIRECTORY);
	struct dirent *e;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d)
		return 0;
	take_fd(&fd);
	while ((e = readdir(d)))
		if (e->d_type == DT_REG)
			print_name(f, e->d_name, suffix);
	closedir(d);
	return 0;
}

char *boot_fs_list(struct boot_fs *b, const char *dir, const char *suffix, struct error *err)
{
	char *text = NULL;
	size_t len;
	FILE *f = check_path(dir, err) ? NULL : open_memstream(&text, &len);
	int rc;

	if (!f)
		return NULL;
	rc = b->dir ? list_mounted(b, dir, suffix, f) : list_ext(b, dir, suffix, f, err);
	if (!fclose(f) && !rc)
		return text;
	free(text);
	return NULL;
}

static int put(int fd, const char *path, const void *data, size_t len, struct error *err)
{
	AUTO(fd) int own = fd;
	int rc = fd < 0 ? -errno : file_write_all(fd, data, len);

	return rc ? error_set(err, -rc, "%s: %s", path, strerror(-rc)) : 0;
}

static int put_file(const char *path, const void *data, size_t len, struct error *err)
{
	return put(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644), path, data, len, err);
}

static int write_mounted(struct boot_fs *b, const char *path, const void *data, size_t len, struct error *err)
{
	return put(open_inside(b, path, O_WRONLY | O_CREAT | O_TRUNC), path, data, len, err);
}

static int write_ext(struct boot_fs *b, const char *path, const void *data, size_t len, struct error *err)
{
	const char *name = strrchr(path, '/') + 1;
	AUTO(free) char *commands = NULL;
	struct program_end end;
	int rc = put_file(b->data, data, len, err);

	if (rc)
		return rc;
	if (asprintf(&commands, "cd %.*s\nrm %s\nwrite %s %s\n", (int)(name - path), path, name, b->data, name) < 0) {
		commands = NULL;
		return error_set(err, ENOMEM, "out of memory");
	}
	rc = debugfs(b, commands, &end, err);
	free(end.said);
	return rc;
}

int boot_fs_write(struct boot_fs *b, const char *path, const void *data, size_t len, struct error *err)
{
	AUTO(free) char *back = NULL;
	size_t got = 0;
	int rc = check_path(path, err);

	if (!rc)
		rc = b->dir ? write_mounted(b, path, data, len, err) : write_ext(b, path, data, len, err);
	if (rc)
		return rc;
	back = boot_fs_read(b, path, &got, err);
	if (back && got == len && !memcmp(back, data, len))
		return 0;
	error_set(err, EIO, "%s could not be written in the guest's boot file system", path);
	error_next(err, "it may be full; start the guest as it is with --no-adapt");
	return -EIO;
}
