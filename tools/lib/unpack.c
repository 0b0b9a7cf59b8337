/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/unpack.h"
#include "tools/lib/run_program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define PIECE (256u << 10)

static const struct form { const char *magic; size_t len; const char *argv[4], *package; } forms[] = {
	{ "\x28\xb5\x2f\xfd", 4, { "zstd", "-dcq" }, "zstd" },
	{ "\x1f\x8b", 2, { "gzip", "-dc" }, "gzip" },
	{ "\xfd" "7zXZ", 6, { "xz", "-dc" }, "xz-utils" },
	{ "\x02\x21\x4c\x18", 4, { "lz4", "-dc" }, "lz4" },
	{ "\x04\x22\x4d\x18", 4, { "lz4", "-dc" }, "lz4" },
	{ "BZh", 3, { "bzip2", "-dc" }, "bzip2" },
	{ "\x5d\x00\x00", 3, { "xz", "--format=lzma", "-dc" }, "xz-utils" },
	{ "\x89LZO\x00\r\n\x1a\n", 9, { "lzop", "-dc" }, "lzop" },
};

struct unpack {
	unpack_fn *fn;
	void *arg;
	pid_t pid;		/* 0: it has ended */
	int in, out;		/* of the program; -1: closed */
	bool ended;		/* all of its output is read */
	char buf[PIECE];
};

static const struct form *form_of(const void *head, size_t len)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (len >= forms[i].len && !memcmp(head, forms[i].magic, forms[i].len))
			return &forms[i];
	return NULL;
}

static int start(struct unpack *u, const struct form *f, struct error *err)
{
	int to[2], from[2], rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, to))
		return error_set(err, errno, "cannot start %s: %s", f->argv[0], strerror(errno));
	u->in = to[0];
	if (pipe2(from, O_CLOEXEC)) {
		close(to[1]);
		return error_set(err, errno, "cannot start %s: %s", f->argv[0], strerror(errno));
	}
	u->out = from[0];
	rc = program_spawn(f->argv, to[1], from[1], -1, &u->pid);
	close(to[1]);
	close(from[1]);
	if (!rc)
		return 0;
	u->pid = 0;
	error_set(err, rc == ENOENT ? ENOTSUP : rc, "cannot start %s: %s", f->argv[0], strerror(rc));
	error_next(err, "install the package %s", f->package);
	return -err->code;
}

struct unpack *unpack_start(const void *head, size_t len, unpack_fn *fn, void *arg, struct error *err)
{
	const struct form *f = form_of(head, len);
	AUTO(unpack_free) struct unpack *u = calloc(1, sizeof(*u));

	if (!u)
		return error_null(err, ENOMEM, "out of memory");
	u->fn = fn;
	u->arg = arg;
	u->in = u->out = -1;
	if (!f)
		return error_null(err, ENOTSUP, "it is packed in a form that is not known");
	return start(u, f, err) ? NULL : TAKE(u);
}

static void close_input(struct unpack *u)
{
	if (u->in >= 0)
		close(u->in);
	u->in = -1;
}

static int take_out(struct unpack *u)
{
	ssize_t n = read(u->out, u->buf, sizeof(u->buf));

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	u->ended = n == 0;
	return n ? u->fn(u->arg, u->buf, (size_t)n) : 0;
}

static void put_in(struct unpack *u, const char **data, size_t *len)
{
	ssize_t n = send(u->in, *data, *len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		close_input(u);		/* it wants no more; what it has still comes out */
		return;
	}
	*data += n;
	*len -= (size_t)n;
}

int unpack_feed(struct unpack *u, const void *data, size_t len)
{
	const char *at = data;
	int rc = 0;

	while (!rc && len && u->in >= 0 && !u->ended) {
		struct pollfd p[2] = { { .fd = u->in, .events = POLLOUT }, { .fd = u->out, .events = POLLIN } };

		if (poll(p, 2, -1) < 0) {
			rc = errno == EINTR ? 0 : -errno;
			continue;
		}
		if (p[1].revents)
			rc = take_out(u);
		if (!rc && p[0].revents)
			put_in(u, &at, &len);
	}
	return rc;
}

int unpack_end(struct unpack *u)
{
	int rc = 0, status = 0;

	close_input(u);
	while (!rc && !u->ended)
		rc = take_out(u);
	if (rc)
		return rc;
	while (waitpid(u->pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	u->pid = 0;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -EBADMSG;
}

void unpack_free(struct unpack *u)
{
	if (!u)
		return;
	close_input(u);
	if (u->out >= 0)
		close(u->out);
	if (u->pid > 0) {
		kill(u->pid, SIGKILL);
		while (waitpid(u->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	free(u);
}
