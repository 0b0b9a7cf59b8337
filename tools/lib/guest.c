/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define QMP_MS 10000u
#define STOP_MS 10000

uint64_t guest_clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Only what is allowed between fork and exec. */
static void be_qemu(const struct guest_request *r, int tell, pid_t parent)
{
	sigset_t none;
	int null, code;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	null = r->terminal ? -1 : open("/dev/null", O_RDWR);
	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
	}
	execvp(r->argv[0], r->argv);
	code = errno;
	if (write(tell, &code, sizeof(code)) < 0)
		_exit(1);
	_exit(127);
}

static int spawn(struct guest *g, const struct guest_request *r, struct error *err)
{
	pid_t parent = getpid();
	int fds[2], code = 0;

	if (pipe2(fds, O_CLOEXEC))
		return error_set(err, errno, "cannot make a pipe: %s", strerror(errno));
	g->pid = fork();
	if (!g->pid)
		be_qemu(r, fds[1], parent);
	close(fds[1]);
	if (g->pid < 0)
		code = errno;
	else if (read(fds[0], &code, sizeof(code)) != sizeof(code))
		code = 0;
	close(fds[0]);
	if (!code)
		return 0;
	if (g->pid > 0)
		waitpid(g->pid, NULL, 0);
	g->pid = 0;
	if (code != ENOENT)
		return error_set(err, code, "cannot start %s: %s", r->argv[0], strerror(code));
	error_set(err, ENOTSUP, "%s is not installed", r->argv[0]);
	error_next(err, "install the package qemu-system-x86; --dry-run shows the command");
	return -ENOTSUP;
}

static const char *text_of(const json_t *o, const char *name)
{
	const char *text = o ? json_member_text(o, name) : NULL;

	return text ? text : "?";
}

static void on_event(void *arg, const char *name, const json_t *data)
{
	struct guest *g = arg;

	if (!strcmp(name, "BLOCK_IO_ERROR") && !g->io_error[0])
		snprintf(g->io_error, sizeof(g->io_error), "disk %s: %s failed: %s", text_of(data, "device"),
			 text_of(data, "operation"), text_of(data, "reason"));
	g->panicked |= !strcmp(name, "GUEST_PANICKED");
	g->shut_down |= !strcmp(name, "SHUTDOWN");
}

static bool has_ended(struct guest *g)
{
	if (g->pid && waitpid(g->pid, &g->status, WNOHANG) == g->pid)
		g->pid = 0;
	return !g->pid;
}

int guest_start(struct guest *g, const struct guest_request *r, struct error *err)
{
	int rc;

	*g = (struct guest){ .pid_fd = -1, .log_fd = -1 };
	console_watch_init(&g->watch, r->expect, guest_clock_ms());
	rc = spawn(g, r, err);
	if (rc)
		return rc;
	g->spawned = guest_clock_ms();
	g->pid_fd = (int)syscall(SYS_pidfd_open, g->pid, 0);
	g->qmp = qmp_connect(r->qmp_socket, QMP_MS, on_event, g, err);
	if (g->qmp) {
		g->log_fd = open(r->serial_log, O_RDONLY | O_CLOEXEC);
		return 0;
	}
	if (has_ended(g))
		error_set(err, EIO, "QEMU did not start");
	rc = -err->code;
	guest_close(g);
	return rc;
}

static void hear(struct guest *g)
{
	char buf[4096];
	ssize_t n;

	while (g->log_fd >= 0 && (n = read(g->log_fd, buf, sizeof(buf))) > 0)
		console_watch_feed(&g->watch, buf, (size_t)n, guest_clock_ms());
}

bool guest_step(struct guest *g, int wake_fd, unsigned timeout_ms)
{
	struct pollfd p[] = { { .fd = g->pid_fd, .events = POLLIN }, { .fd = wake_fd, .events = POLLIN },
			      { .fd = g->qmp ? qmp_fd(g->qmp) : -1, .events = POLLIN } };

	if (poll(p, 3, (int)timeout_ms) > 0 && p[2].revents && qmp_read(g->qmp)) {
		qmp_free(g->qmp);
		g->qmp = NULL;
	}
	hear(g);
	return !has_ended(g);
}

int guest_screenshot(struct guest *g, const char *path, struct error *err)
{
	json_t *args = json_pack("{s:s, s:s}", "filename", path, "format", "png");

	if (!g->qmp) {
		json_decref(args);
		return error_set(err, EPIPE, "QEMU has ended");
	}
	return qmp_command(g->qmp, "screendump", args, QMP_MS, err);
}

static bool wait_end(struct guest *g, int ms)
{
	struct pollfd p = { .fd = g->pid_fd, .events = POLLIN };
	uint64_t end = guest_clock_ms() + (uint64_t)ms;

	while (!has_ended(g) && guest_clock_ms() < end)
		poll(&p, 1, g->pid_fd < 0 ? 20 : 200);
	return !g->pid;
}

void guest_stop(struct guest *g)
{
	if (has_ended(g))
		return;
	kill(g->pid, SIGTERM);
	if (wait_end(g, STOP_MS))
		return;
	kill(g->pid, SIGKILL);
	wait_end(g, STOP_MS);
}

void guest_close(struct guest *g)
{
	guest_stop(g);
	qmp_free(g->qmp);
	if (g->pid_fd >= 0)
		close(g->pid_fd);
	if (g->log_fd >= 0)
		close(g->log_fd);
	*g = (struct guest){ .pid_fd = -1, .log_fd = -1 };
}
