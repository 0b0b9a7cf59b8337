/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/keys/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

int keyfile_load_fd(int fd, struct secret **out, struct error *err)
{
	size_t room = 4096, n = 0;
	AUTO(secret_free) struct secret *s = secret_new(room);

	while (s) {
		ssize_t got = read(fd, secret_data(s) + n, room - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_set(err, errno, "cannot read the key: %s", strerror(errno));
		n += (size_t)got;
		if (got == 0) {
			secret_truncate(s, n);
			*out = TAKE(s);
			return 0;
		}
		if (n == room) {
			struct secret *more = room < KEY_FILE_MAX ? secret_new(2 * room) : NULL;

			if (room >= KEY_FILE_MAX)
				return error_set(err, EBADMSG, "larger than 1 MiB: not a key file");
			if (more)
				memcpy(secret_data(more), secret_bytes(s), n);
			secret_free(s);
			s = more;
			room *= 2;
		}
	}
	return error_set(err, ENOMEM, "out of memory");
}

/* path: a file, "-" or "fd:N". */
static int open_key(const char *path, struct error *err)
{
	char *end;
	int fd;

	if (!strcmp(path, "-"))
		return fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	if (!strncmp(path, "fd:", 3)) {
		long n = strtol(path + 3, &end, 10);

		if (*end || end == path + 3 || n < 0 || n > INT_MAX)
			return error_set(err, EINVAL, "not a file descriptor");
		fd = fcntl((int)n, F_DUPFD_CLOEXEC, 3);
		return fd < 0 ? error_set(err, errno, "%s", strerror(errno)) : fd;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? error_set(err, errno, "cannot open the key file: %s", strerror(errno)) : fd;
}

int keyfile_load(const char *path, struct secret **out, struct error *err)
{
	AUTO(fd) int fd = open_key(path, err);
	int rc = fd < 0 ? fd : keyfile_load_fd(fd, out, err);

	if (rc == 0 && secret_len(*out) == 0) {
		secret_free(*out);
		*out = NULL;
		rc = error_set(err, EBADMSG, "the key file is empty");
	}
	if (rc < 0)
		error_object(err, "%s", path);
	return rc;
}

void keyfile_trim(struct secret *s)
{
	size_t n = secret_len(s);

	if (n && secret_bytes(s)[n - 1] == '\n')
		n--;
	if (n && n < secret_len(s) && secret_bytes(s)[n - 1] == '\r')
		n--;
	secret_truncate(s, n);
}
