/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/prompt.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define ANSWER_MAX 1024

bool prompt_possible(void)
{
	return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

/* A line from the terminal, without its end. */
static struct secret *read_line(void)
{
	AUTO(secret_free) struct secret *s = secret_new(ANSWER_MAX);
	size_t n = 0;
	ssize_t got;

	while (s && n < ANSWER_MAX) {
		got = read(STDIN_FILENO, secret_data(s) + n, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0 || secret_data(s)[n] == '\n')
			break;
		n++;
	}
	if (!s || !n || n == ANSWER_MAX)
		return NULL;
	secret_truncate(s, n);
	return TAKE(s);
}

struct secret *prompt_secret(const char *question)
{
	struct termios old, quiet;
	sigset_t stop, before;
	struct secret *s;

	if (tcgetattr(STDIN_FILENO, &old))
		return NULL;
	/* Ctrl-C must not leave a terminal without echo: it waits until the
	 * terminal is as it was. */
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	quiet.c_lflag |= ICANON;
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGHUP);
	sigprocmask(SIG_BLOCK, &stop, &before);
	fprintf(stderr, "%s", question);
	fflush(stderr);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	s = read_line();
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
	fputc('\n', stderr);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (s && memchr(secret_bytes(s), 3, secret_len(s))) {	/* Ctrl-C */
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
