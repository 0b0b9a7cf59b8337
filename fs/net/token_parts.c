/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/net/token_parts.h"
#include "crypto/base64.h"
#include "crypto/hash.h"
#include "crypto/keywrap.h"
#include "fs/net/retry.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>

#define TEXT_MAX (64 * 1024)
#define WORDS_MAX 32

extern char **environ;

int form_add(struct secret **form, const char *name, const void *value, size_t len)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t old = *form ? secret_len(*form) : 0, n = strlen(name), o;
	struct secret *s = secret_new(old + 1 + n + 1 + 3 * len);
	const uint8_t *v = value;
	char *p;

	if (!s)
		return -ENOMEM;
	p = (char *)secret_data(s);
	if (old)
		memcpy(p, secret_bytes(*form), old);
	o = old;
	if (old)
		p[o++] = '&';
	memcpy(p + o, name, n);
	o += n;
	p[o++] = '=';
	for (size_t i = 0; i < len; i++) {
		if (isalnum(v[i]) || (v[i] && strchr("-._~", v[i]))) {
			p[o++] = (char)v[i];
		} else {
			p[o++] = '%';
			p[o++] = hex[v[i] >> 4];
			p[o++] = hex[v[i] & 15];
		}
	}
	secret_truncate(s, o);
	secret_free(*form);
	*form = s;
	return 0;
}

int form_add_text(struct secret **form, const char *name, const char *value)
{
	return form_add(form, name, value, strlen(value));
}

/* Takes s. */
static struct secret *trimmed(struct secret *s, size_t len)
{
	const uint8_t *p = secret_bytes(s);
	struct secret *out;
	size_t start = 0;

	while (len && isspace(p[len - 1]))
		len--;
	while (start < len && isspace(p[start]))
		start++;
	out = secret_copy(p + start, len - start);
	secret_free(s);
	return out;
}

/* Read to the end or the deadline.  Bytes, or -errno. */
static ssize_t drain(int fd, uint8_t *buf, size_t room, uint64_t deadline_ms)
{
	size_t done = 0;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		uint64_t now = clock_ms();
		int ready = now < deadline_ms ? poll(&p, 1, (int)(deadline_ms - now)) : 0;
		ssize_t n;

		if (ready == 0)
			return -ETIMEDOUT;
		n = ready < 0 ? -1 : read(fd, buf + done, room - done);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return (ssize_t)done;
		if (n > 0)
			done += (size_t)n;
		if (done == room)
			return -EMSGSIZE;
	}
}

static struct secret *read_text(int fd, uint64_t deadline_ms, const char *what, struct error *err)
{
	struct secret *s = secret_new(TEXT_MAX);
	ssize_t n = s ? drain(fd, secret_data(s), TEXT_MAX, deadline_ms) : -ENOMEM;

	if (n > 0)
		return trimmed(s, (size_t)n);
	secret_free(s);
	error_set(err, n ? (int)-n : EBADMSG, n ? "cannot be read: %s" : "nothing in it", strerror((int)-n));
	error_object(err, "%s", what);
	return NULL;
}

struct secret *secret_from_file(const char *path, struct error *err)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		return read_text(fd, clock_ms() + 5000, path, err);
	error_set(err, errno, "cannot be read: %s", strerror(errno));
	error_object(err, "%s", path);
	return NULL;
}

static int start(char **words, int out, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	int rc;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	rc = posix_spawnp(pid, words[0], &actions, NULL, words, environ);
	posix_spawn_file_actions_destroy(&actions);
	return -rc;
}

static struct secret *run(char **words, unsigned deadline_ms, struct error *err)
{
	struct secret *s;
	int pipe_fd[2], status = 0, rc;
	pid_t pid;

	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return error_null(err, errno, "no pipe: %s", strerror(errno));
	rc = start(words, pipe_fd[1], &pid);
	close(pipe_fd[1]);
	if (rc < 0) {
		close(pipe_fd[0]);
		error_set(err, -rc, "the token command cannot be run: %s", strerror(-rc));
		error_object(err, "%s", words[0]);
		return NULL;
	}
	s = read_text(pipe_fd[0], clock_ms() + deadline_ms, words[0], err);
	close(pipe_fd[0]);
	if (!s)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!s || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
		return s;
	secret_free(s);
	error_set(err, EACCES, "the token command failed (status %d)", WEXITSTATUS(status));
	error_object(err, "%s", words[0]);
	return NULL;
}

struct secret *secret_from_command(const char *command, unsigned deadline_ms, struct error *err)
{
	AUTO(free) char *copy = strdup(command);
	char *words[WORDS_MAX + 1] = { NULL }, *save = NULL;
	int n = 0;

	for (char *w = copy ? strtok_r(copy, " \t", &save) : NULL; w && n < WORDS_MAX;
	     w = strtok_r(NULL, " \t", &save))
		words[n++] = w;
	if (!n)
		return error_null(err, EINVAL, "the token command is empty");
	return run(words, deadline_ms, err);
}

static int jwt_text(const char *client_id, const char *audience, const uint8_t sha1[20],
		    char *out, size_t room)
{
	char x5t[40], head[128], claims[1200], jti[33], a[256], b[1700];
	long now = (long)time(NULL);
	uint8_t raw[16];

	if (getrandom(raw, sizeof(raw), 0) != sizeof(raw))
		return -EIO;
	hex_encode(raw, sizeof(raw), jti);
	base64_encode(sha1, 20, BASE64_URL, x5t);
	snprintf(head, sizeof(head), "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"x5t\":\"%s\"}", x5t);
	snprintf(claims, sizeof(claims),
		 "{\"aud\":\"%.400s\",\"iss\":\"%.100s\",\"sub\":\"%.100s\",\"jti\":\"%s\",\"nbf\":%ld,\"exp\":%ld}",
		 audience, client_id, client_id, jti, now - 60, now + 540);
	base64_encode(head, strlen(head), BASE64_URL, a);
	base64_encode(claims, strlen(claims), BASE64_URL, b);
	return snprintf(out, room, "%s.%s", a, b);
}

struct secret *client_assertion(const char *pem_file, const char *client_id, const char *audience,
				struct error *err)
{
	AUTO(secret_free) struct secret *pem = secret_from_file(pem_file, err);
	AUTO(rsa_key_free) struct rsa_key *key = NULL;
	uint8_t sha1[20], s256[32], sig[RSA_MAX_BYTES];
	char text[2048], coded[BASE64_CHARS(RSA_MAX_BYTES) + 1];
	struct secret *out;
	size_t sig_len;
	int n;

	if (!pem)
		return NULL;
	key = rsa_key_from_pem(secret_bytes(pem), secret_len(pem), NULL, err);
	if (!key || cert_thumbprints(secret_bytes(pem), secret_len(pem), sha1, s256) < 0) {
		error_set(err, EBADMSG, "the file must hold an RSA private key and its certificate");
		error_object(err, "%s", pem_file);
		return NULL;
	}
	n = jwt_text(client_id, audience, sha1, text, sizeof(text) - 1);
	if (n < 0 || rsa_key_sign_rs256(key, text, (size_t)n, sig, &sig_len) < 0)
		return error_null(err, EIO, "the assertion could not be signed");
	text[n++] = '.';
	sig_len = base64_encode(sig, sig_len, BASE64_URL, coded);
	out = secret_new((size_t)n + sig_len);
	if (out) {
		memcpy(secret_data(out), text, (size_t)n);
		memcpy(secret_data(out) + n, coded, sig_len);
	}
	return out;
}
