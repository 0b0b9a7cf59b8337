/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/prompt.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#define ANSWER_MAX 1024

bool prompt_possible(void)
{
	return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

#define CTRL_C 3

/* One more byte, unless a blocked signal of `signals` waits to be delivered. */
static bool read_byte(int signals, uint8_t *byte)
{
	struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN },
				{ .fd = signals, .events = POLLIN } };
	int rc;

	do
		rc = poll(fds, 2, -1);
	while (rc < 0 && errno == EINTR);
	return rc > 0 && !fds[1].revents && read(STDIN_FILENO, byte, 1) == 1;
}

/* A line from the terminal, without its end; with it when that is Ctrl-C. */
static struct secret *read_line(int signals)
{
	AUTO(secret_free) struct secret *s = secret_new(ANSWER_MAX);
	size_t n = 0;

	while (s && n < ANSWER_MAX && read_byte(signals, secret_data(s) + n)) {
		if (secret_data(s)[n] == '\n')
			break;
		if (secret_data(s)[n++] == CTRL_C)
			break;
	}
	if (!s || !n || n == ANSWER_MAX)
		return NULL;
	secret_truncate(s, n);
	return TAKE(s);
}

/* No echo, and no signals from the keyboard: Ctrl-C ends the line instead. */
static void be_quiet(struct termios *t)
{
	t->c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	t->c_lflag |= ICANON;
	t->c_cc[VEOL] = CTRL_C;
}

struct secret *prompt_secret(const char *question)
{
	struct termios old, quiet;
	sigset_t stop, before;
	struct secret *s;
	int signals;

	if (tcgetattr(STDIN_FILENO, &old))
		return NULL;
	/* No signal may leave a terminal without echo: all wait until the
	 * terminal is as it was. */
	quiet = old;
	be_quiet(&quiet);
	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGHUP);
	sigprocmask(SIG_BLOCK, &stop, &before);
	signals = signalfd(-1, &stop, SFD_CLOEXEC);
	fprintf(stderr, "%s", question);
	fflush(stderr);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	s = read_line(signals);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
	fputc('\n', stderr);
	if (signals >= 0)
		close(signals);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (s && memchr(secret_bytes(s), CTRL_C, secret_len(s))) {
		secret_free(s);
		raise(SIGINT);
		return NULL;
	}
	return s;
}

/* 12345-… : eight groups of six digits. */
static bool is_recovery_password(const struct secret *s)
{
	const uint8_t *b = secret_bytes(s);
	size_t i;

	if (secret_len(s) != 55)
		return false;
	for (i = 0; i < 55; i++)
		if (i % 7 == 6 ? b[i] != '-' : !isdigit(b[i]))
			return false;
	return true;
}

struct secret *prompt_key(const char *object, bool again, enum key_kind *kind)
{
	char question[512];
	struct secret *s;

	snprintf(question, sizeof(question),
		 "%s%.300s\nPassword or recovery password (empty: leave it locked): ",
		 again ? "That does not open it: " : "Locked: ", object);
	s = prompt_secret(question);
	if (s)
		*kind = is_recovery_password(s) ? KEY_RECOVERY_PASSWORD : KEY_PASSWORD;
	return s;
}
