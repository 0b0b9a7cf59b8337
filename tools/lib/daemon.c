/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the child's end means: 0 was not said, so 0 is a failure too. */
static int ended(int status, struct error *err)
{
	if (WIFEXITED(status) && WEXITSTATUS(status))
		return WEXITSTATUS(status);
	if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGINT || WTERMSIG(status) == SIGTERM))
		return error_set(err, EINTR, "interrupted");
	if (WIFSIGNALED(status))
		return error_set(err, EIO, "the background process died of signal %d",
				 WTERMSIG(status));
	return 1;
}

/* A signal to this process alone is meant for the child too. */
static void pass_on(int signals, pid_t child)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		kill(child, SIGTERM);
}

/* The child's word or its end: exit code or -errno with words. */
static int wait_for_child(pid_t child, int fd, int signals, struct error *err)
{
	struct pollfd fds[] = { { .fd = fd, .events = POLLIN },
				{ .fd = signals, .events = POLLIN } };
	unsigned char code;
	int status;

	do {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return error_set(err, errno, "cannot wait: %s", strerror(errno));
		if (fds[1].revents)
			pass_on(signals, child);
	} while (!fds[0].revents);
	if (read(fd, &code, 1) == 1)
		return code;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return 1;
	return ended(status, err);
}

static void be_child(struct daemon *d, int fds[2], pid_t parent, const sigset_t *mask)
{
	close(fds[0]);
	d->fd = fds[1];
	sigprocmask(SIG_SETMASK, mask, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
}

int daemon_start(struct daemon *d, bool background, int *exit_code, struct error *err)
{
	pid_t parent = getpid(), child;
	sigset_t stop, before;
	int fds[2], signals, rc;

	*d = (struct daemon){ .background = background, .fd = -1 };
	if (!background)
		return 1;
	if (pipe2(fds, O_CLOEXEC))
		return error_set(err, errno, "cannot make a pipe: %s", strerror(errno));
	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGHUP);
	sigprocmask(SIG_BLOCK, &stop, &before);
	fflush(NULL);
	child = fork();
	if (!child) {
		be_child(d, fds, parent, &before);
		return 1;
	}
	rc = child < 0 ? error_set(err, errno, "cannot start a process: %s", strerror(errno)) : 0;
	close(fds[1]);
	signals = signalfd(-1, &stop, SFD_CLOEXEC);
	if (!rc)
		rc = wait_for_child(child, fds[0], signals, err);
	if (signals >= 0)
		close(signals);
	close(fds[0]);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (rc < 0)
		return rc;
	*exit_code = rc;
	return 0;
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
