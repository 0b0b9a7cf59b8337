/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/mount/mounttable.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

extern char **environ;

/* mountinfo writes blank, tab, newline and backslash as \ooo; in place. */
static void unescape(char *s)
{
	char *to = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

/* "36 35 98:0 /root /dir options [tags…] - type source superoptions" */
static int parse_line(char *line, struct mount_entry *e)
{
	char *rest = line, *word[6], *super, *type, *source;
	int i;

	for (i = 0; i < 6; i++)
		if (!(word[i] = strsep(&rest, " ")))
			return -EBADMSG;
	while ((type = strsep(&rest, " ")) && strcmp(type, "-"))
		;
	type = strsep(&rest, " ");
	source = strsep(&rest, " ");
	super = strsep(&rest, " ");
	if (!super || sscanf(word[2], "%u:%u", &e->major, &e->minor) != 2)
		return -EBADMSG;
	unescape(word[4]);
	unescape(source);
	e->dir = strdup(word[4]);
	e->source = strdup(source);
	e->type = strdup(type);
	if (!e->dir || !e->source || !e->type ||
	    asprintf(&e->options, "%s,%s", word[5], super) < 0) {
		e->options = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int add_line(struct mounttable *t, char *line)
{
	struct mount_entry *grown = reallocarray(t->entries, t->n + 1, sizeof(*grown));
	int rc;

	if (!grown)
		return -ENOMEM;
	t->entries = grown;
	memset(&grown[t->n], 0, sizeof(*grown));
	rc = parse_line(line, &grown[t->n]);
	if (rc == -EBADMSG)
		return 0;	/* a kernel newer than we: not our mount's line */
	t->n++;
	return rc;
}

struct mounttable *mounttable_parse(const char *text, struct error *err)
{
	AUTO(mounttable_free) struct mounttable *t = calloc(1, sizeof(*t));
	AUTO(free) char *copy = strdup(text);
	char *rest = copy, *line;

	if (!t || !copy)
		return error_null(err, ENOMEM, "out of memory");
	while ((line = strsep(&rest, "\n")))
		if (*line && add_line(t, line))
			return error_null(err, ENOMEM, "out of memory");
	return TAKE(t);
}

struct mounttable *mounttable_read(struct error *err)
{
	AUTO(free) char *text = NULL;
	size_t len = 0;
	FILE *f = fopen("/proc/self/mountinfo", "re");
	ssize_t n;

	if (!f)
		return error_null(err, errno, "cannot read /proc/self/mountinfo: %s",
				  strerror(errno));
	n = getdelim(&text, &len, '\0', f);
	fclose(f);
	if (n < 0)
		return error_null(err, EIO, "cannot read /proc/self/mountinfo");
	return mounttable_parse(text, err);
}

void mounttable_free(struct mounttable *t)
{
	size_t i;

	if (!t)
		return;
	for (i = 0; i < t->n; i++) {
		free(t->entries[i].dir);
		free(t->entries[i].source);
		free(t->entries[i].type);
		free(t->entries[i].options);
	}
	free(t->entries);
	free(t);
}

const struct mount_entry *mounttable_find(const struct mounttable *t, const char *dir)
{
	size_t i;

	for (i = t->n; i > 0; i--)
		if (!strcmp(t->entries[i - 1].dir, dir))
			return &t->entries[i - 1];
	return NULL;
}

char *mount_dir_resolve(const char *dir, struct error *err)
{
	char copy[PATH_MAX], copy2[PATH_MAX], *base, *out;
	AUTO(free) char *parent = NULL;

	if ((size_t)snprintf(copy, sizeof(copy), "%s", dir) >= sizeof(copy) || !*dir)
		return error_null(err, *dir ? ENAMETOOLONG : ENOENT, "%s: not a folder's name", dir);
	memcpy(copy2, copy, sizeof(copy2));
	base = basename(copy2);
	if (!strcmp(base, "/") || !strcmp(base, ".") || !strcmp(base, "..")) {
		out = realpath(dir, NULL);
	} else {
		parent = realpath(dirname(copy), NULL);
		if (!parent || asprintf(&out, "%s/%s", strcmp(parent, "/") ? parent : "", base) < 0)
			out = NULL;
	}
	if (!out) {
		int code = errno;

		error_null(err, code, "%s: %s", dir, strerror(code));
		error_object(err, "%s", dir);
	}
	return out;
}

int mount_dir_ask(const char *dir, mode_t *mode)
{
	struct statx sx;

	if (statx(AT_FDCWD, dir, AT_STATX_FORCE_SYNC, STATX_TYPE | STATX_MODE, &sx))
		return -errno;
	if (mode)
		*mode = sx.stx_mode;
	return 0;
}

/* Nothing can wake who waits for a daemon that does not answer, so another process waits. */
int mount_dir_ask_within(const char *dir, int ms)
{
	struct pollfd answer = { .events = POLLIN };
	int rc, ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		rc = mount_dir_ask(dir, NULL);
		_exit(write(ends[1], &rc, sizeof(rc)) != sizeof(rc));
	}
	close(ends[1]);
	answer.fd = ends[0];
	rc = pid < 0 ? -EAGAIN : -ETIMEDOUT;
	if (pid > 0 && poll(&answer, 1, ms) == 1) {
		if (read(ends[0], &rc, sizeof(rc)) != sizeof(rc))
			rc = -EIO;
		waitpid(pid, NULL, 0);
	} else if (pid > 0) {
		kill(pid, SIGKILL);	/* it goes when the daemon answers or ends */
	}
	close(ends[0]);
	return rc;
}

/* -EAGAIN: fusermount3 is not there.  Else its exit code. */
static int run_fusermount(const char *dir, bool lazily, bool quiet)
{
	const char *argv[] = { "fusermount3", "-u", lazily ? "-z" : "-q", "--", dir, NULL };
	posix_spawn_file_actions_t actions;
	int rc, status;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	if (quiet)
		posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	rc = posix_spawn(&pid, "/usr/bin/fusermount3", &actions, NULL, (char **)argv, environ);
	if (rc)
		rc = posix_spawnp(&pid, "fusermount3", &actions, NULL, (char **)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (rc)
		return -EAGAIN;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -EAGAIN;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int refuse(struct error *err, int code, const char *dir)
{
	int rc;

	switch (code) {
	case EBUSY:
		rc = error_set(err, code, "%s is in use", dir);
		error_next(err, "see who uses it with: fuser -vm %s; or detach it with --lazy", dir);
		break;
	case EINVAL:
		rc = error_set(err, code, "%s is not mounted", dir);
		break;
	case EPERM:
		rc = error_set(err, code, "%s was mounted by another user", dir);
		error_next(err, "unmount it as that user or as root");
		break;
	default:
		rc = error_set(err, code, "cannot unmount %s: %s", dir, strerror(code));
	}
	error_object(err, "%s", dir);
	return rc;
}

/* fusermount3 tells no reason by its exit code. */
static int unmount_as_user(const char *dir, bool lazily, struct error *err)
{
	AUTO(mounttable_free) struct mounttable *t = mounttable_read(err);
	const struct mount_entry *e;
	char mine[32];
	int rc;

	if (!t)
		return -EIO;
	e = mounttable_find(t, dir);
	if (!e)
		return refuse(err, EINVAL, dir);
	rc = run_fusermount(dir, lazily, true);
	if (!rc)
		return 0;
	if (rc == -EAGAIN) {
		rc = error_set(err, ENOENT, "fusermount3 is missing");
		error_next(err, "install the package fuse3");
		return rc;
	}
	snprintf(mine, sizeof(mine), "user_id=%u", (unsigned)getuid());
	return refuse(err, strstr(e->options, mine) ? EBUSY : EPERM, dir);
}

int unmount_dir(const char *dir, bool lazily, struct error *err)
{
	int flags = UMOUNT_NOFOLLOW | (lazily ? MNT_DETACH : 0);

	if (!umount2(dir, flags))
		return 0;
	if (errno == EPERM && geteuid())
		return unmount_as_user(dir, lazily, err);
	return refuse(err, errno, dir);
}
