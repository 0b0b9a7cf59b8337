/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/qmp.h"
#include "fs/util/fileio.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#define LINE_MAX_BYTES (1u << 20)
#define RETRY_MS 5

struct qmp {
	int fd;
	char *line;		/* what has come of one */
	size_t len, room;
	qmp_event_fn *fn;
	void *arg;
	bool answered;		/* the command's answer has come */
	bool greeted;
	char refused[256];	/* QEMU's words, "" for success */
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void qmp_free(struct qmp *q)
{
	if (!q)
		return;
	if (q->fd >= 0)
		close(q->fd);
	free(q->line);
	free(q);
}

int qmp_fd(const struct qmp *q)
{
	return q->fd;
}

static void take_line(struct qmp *q, const char *text, size_t len)
{
	AUTO(json_decref) json_t *o = json_parse(text, len, NULL);
	const char *event = o ? json_member_text(o, "event") : NULL;
	const json_t *bad = o ? json_object_get(o, "error") : NULL;
	const char *words = bad ? json_member_text(bad, "desc") : NULL;

	if (event && q->fn)
		q->fn(q->arg, event, json_object_get(o, "data"));
	q->greeted |= o && json_object_get(o, "QMP");
	if (bad || (o && json_object_get(o, "return"))) {
		q->answered = true;
		snprintf(q->refused, sizeof(q->refused), "%s", bad ? words ? words : "refused" : "");
	}
}

static int take_bytes(struct qmp *q, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (q->len == q->room) {
			size_t room = q->room ? q->room * 2 : 4096;
			char *more = room > LINE_MAX_BYTES ? NULL : realloc(q->line, room);

			if (!more)
				return -EPIPE;
			q->line = more;
			q->room = room;
		}
		if (data[i] == '\n') {
			take_line(q, q->line, q->len);
			q->len = 0;
		} else {
			q->line[q->len++] = data[i];
		}
	}
	return 0;
}

int qmp_read(struct qmp *q)
{
	char buf[4096];
	ssize_t n;

	while ((n = recv(q->fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		if (take_bytes(q, buf, (size_t)n))
			return -EPIPE;
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -EPIPE;
}

/* Until *flag, for so long. */
static int wait_for(struct qmp *q, const bool *flag, unsigned timeout_ms, struct error *err)
{
	uint64_t end = now_ms() + timeout_ms;

	while (!*flag) {
		struct pollfd p = { .fd = q->fd, .events = POLLIN };
		uint64_t now = now_ms();

		if (now >= end)
			return error_set(err, ETIMEDOUT, "QEMU does not answer");
		if (poll(&p, 1, (int)(end - now)) < 0 && errno != EINTR)
			return error_set(err, errno, "poll: %s", strerror(errno));
		if (p.revents && qmp_read(q) && !*flag)
			return error_set(err, EPIPE, "QEMU has ended");
	}
	return 0;
}

int qmp_command(struct qmp *q, const char *name, json_t *arguments, unsigned timeout_ms, struct error *err)
{
	AUTO(json_decref) json_t *o = json_pack("{s:s, s:o*}", "execute", name, "arguments", arguments);
	AUTO(free) char *text = o ? json_text(o, 0) : NULL;
	int rc;

	if (!text)
		return error_set(err, ENOMEM, "out of memory");
	q->answered = false;
	if (send(q->fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text) ||
	    send(q->fd, "\n", 1, MSG_NOSIGNAL) != 1)
		return error_set(err, EPIPE, "QEMU has ended");
	rc = wait_for(q, &q->answered, timeout_ms, err);
	if (rc || !q->refused[0])
		return rc;
	return error_set(err, EIO, "QEMU refuses %s: %s", name, q->refused);
}

static int connect_once(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	AUTO(fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	memcpy(a.sun_path, path, strlen(path) + 1);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)))
		return -errno;
	return take_fd(&fd);
}

struct qmp *qmp_connect(const char *path, unsigned timeout_ms, qmp_event_fn *fn, void *arg, struct error *err)
{
	const struct timespec pause = { .tv_nsec = RETRY_MS * 1000000 };
	AUTO(qmp_free) struct qmp *q = calloc(1, sizeof(*q));
	uint64_t end = now_ms() + timeout_ms;

	if (!q)
		return error_null(err, ENOMEM, "out of memory");
	q->fn = fn;
	q->arg = arg;
	while ((q->fd = connect_once(path)) < 0) {
		if ((q->fd != -ENOENT && q->fd != -ECONNREFUSED) || now_ms() >= end)
			return error_null(err, -q->fd, "QEMU's socket %s: %s", path, strerror(-q->fd));
		nanosleep(&pause, NULL);
	}
	if (wait_for(q, &q->greeted, timeout_ms, err) || qmp_command(q, "qmp_capabilities", NULL, timeout_ms, err))
		return NULL;
	return TAKE(q);
}
