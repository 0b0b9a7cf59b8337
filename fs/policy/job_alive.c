/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/policy/job_alive.h"
#include "crypto/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_text(const char *path, char *out, size_t size)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, out, size - 1) : -1;

	out[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* Field 22 of its stat; 0: there is none.  A process that ended and was not
 * waited for does nothing any more either. */
static unsigned long long start_of(int64_t pid)
{
	char path[48], text[1024], state;
	unsigned long long start = 0;
	const char *after;

	snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
	if (!read_text(path, text, sizeof(text)))
		return 0;
	after = strrchr(text, ')');	/* its name may hold anything */
	if (!after || sscanf(after + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
			     &state, &start) != 2)
		return 0;
	return state == 'Z' || state == 'X' ? 0 : start;
}

/* The system and the namespace in which process numbers mean something. */
static bool place_of(char *out, size_t size)
{
	char boot[64], space[64], self[32];
	ssize_t n = readlink("/proc/self/ns/pid", space, sizeof(space) - 1), m = readlink("/proc/self", self, sizeof(self) - 1);

	if (n <= 0 || m <= 0 || !read_text("/proc/sys/kernel/random/boot_id", boot, sizeof(boot)))
		return false;
	space[n] = self[m] = '\0';
	boot[strcspn(boot, "\n")] = '\0';
	return strtoll(self, NULL, 10) == getpid() && snprintf(out, size, "%s %s", boot, space) < (int)size;
}

void job_process_text(char *out, size_t size)
{
	char place[96];
	unsigned long long start = start_of(getpid());

	if (!start || !place_of(place, sizeof(place)) || snprintf(out, size, "%s %llu", place, start) >= (int)size)
		out[0] = '\0';
}

bool job_process_is_gone(const char *text, int64_t pid)
{
	char place[96];
	size_t len;

	if (!*text || pid <= 0 || !place_of(place, sizeof(place)))
		return false;
	len = strlen(place);
	if (strncmp(text, place, len) || text[len] != ' ')
		return false;
	return start_of(pid) != strtoull(text + len + 1, NULL, 10);
}
