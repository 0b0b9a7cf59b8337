/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the child's end means: 0 was not said, so 0 is a failure too. */
static int ended(int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status))
		return WEXITSTATUS(status);
	if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGINT || WTERMSIG(status) == SIGTERM))
		return 130;
	if (WIFSIGNALED(status))
		fprintf(stderr, "the background process died of signal %d\n", WTERMSIG(status));
	return 1;
}

static int wait_for_child(pid_t child, int fd)
{
	unsigned char code;
	ssize_t n;
	int status;

	do
		n = read(fd, &code, 1);
	while (n < 0 && errno == EINTR);
	close(fd);
	if (n == 1)
		return code;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return 1;
	return ended(status);
}

int daemon_start(struct daemon *d, bool background, int *exit_code, struct error *err)
{
	pid_t parent = getpid(), child;
	int fds[2];

	*d = (struct daemon){ .background = background, .fd = -1 };
	if (!background)
		return 1;
	if (pipe2(fds, O_CLOEXEC))
		return error_set(err, errno, "cannot make a pipe: %s", strerror(errno));
	fflush(NULL);
	child = fork();
	if (child < 0) {
		close(fds[0]);
		close(fds[1]);
		return error_set(err, errno, "cannot start a process: %s", strerror(errno));
	}
	if (child) {
		close(fds[1]);
		*exit_code = wait_for_child(child, fds[0]);
		return 0;
	}
	close(fds[0]);
	d->fd = fds[1];
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	return 1;
}

void daemon_outlive_parent(const struct daemon *d)
{
	if (d->background)
		prctl(PR_SET_PDEATHSIG, 0);
}

void daemon_ready(struct daemon *d, int exit_code)
{
	unsigned char code = (unsigned char)exit_code;
	int null;

	if (!d->background || d->fd < 0)
		return;
	setsid();
	if (chdir("/"))
		errno = 0;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		if (null > 2)
			close(null);
	}
	if (write(d->fd, &code, 1) < 0)
		errno = 0;
	close(d->fd);
	d->fd = -1;
}
