/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/run_program.h"
#include "crypto/cleanup.h"
#include "fs/util/fileio.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define SAID_MAX (1u << 20)

extern char **environ;

int program_spawn(const char *const argv[], int in, int out, int errors, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	int rc;

	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in, 0);
	posix_spawn_file_actions_adddup2(&actions, out, 1);
	if (errors < 0)
		posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	else
		posix_spawn_file_actions_adddup2(&actions, errors, 2);
	rc = posix_spawnp(pid, argv[0], &actions, &attr, (char **)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return rc;
}

static int read_said(int fd, struct program_end *end)
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st))
		return -errno;
	end->len = st.st_size > (off_t)SAID_MAX ? SAID_MAX : (size_t)st.st_size;
	end->said = calloc(1, end->len + 1);
	if (!end->said)
		return -ENOMEM;
	n = pread(fd, end->said, end->len, 0);
	end->len = n > 0 ? (size_t)n : 0;
	end->said[end->len] = '\0';
	return 0;
}

static int input_file(const char *input)
{
	AUTO(fd) int fd = input ? memfd_create("input", MFD_CLOEXEC) : open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || (input && (file_write_all(fd, input, strlen(input)) || lseek(fd, 0, SEEK_SET))))
		return -1;
	return take_fd(&fd);
}

int program_run(const char *const argv[], const char *input, const char *package, struct program_end *end,
		struct error *err)
{
	AUTO(fd) int said = memfd_create("said", MFD_CLOEXEC);
	AUTO(fd) int in = input_file(input);
	int rc = said < 0 || in < 0 ? errno : 0, status;
	pid_t pid;

	*end = (struct program_end){ 0 };
	if (!rc)
		rc = program_spawn(argv, in, said, said, &pid);
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
	end->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	rc = read_said(said, end);
	return rc ? error_set(err, -rc, "%s: its words cannot be read: %s", argv[0], strerror(-rc)) : 0;
}

void program_first_line(const struct program_end *end, char *line, size_t size)
{
	const char *said = end->said ? end->said + strspn(end->said, "\n") : "";

	snprintf(line, size, "%.*s", (int)strcspn(said, "\n"), said);
	if (!*line)
		snprintf(line, size, "no reason given");
}

void program_last_line(const struct program_end *end, char *line, size_t size)
{
	AUTO(free) char *said = strdup(end->said ? end->said : "");
	char *at = said, *l;

	snprintf(line, size, "no reason given");
	while ((l = strsep(&at, "\n")))
		if (l[strspn(l, " \t\r*")])
			snprintf(line, size, "%s", l + strspn(l, " \t\r*"));
}
