/* SPDX-License-Identifier: Apache-2.0 */
/* A file of the disk cache as another process, or a crash, may have left it.  The first record's sum is made right,
 * so that what it covers is looked at too. */
#include "crypto/bytes.h"
#include "crypto/hash.h"
#include "fs/store/cachefile.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HEAD 40u
#define SUM 16u
#define PIECE (64u << 10)
#define NAME "seg/x"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void mend_sum(uint8_t *p, size_t len)
{
	uint8_t all[sizeof(NAME) + HEAD - SUM + 4096], full[SHA256_BYTES];
	size_t sums = len < HEAD ? 0 : ((size_t)le32(p + 16) + PIECE - 1) / PIECE * SUM;

	if (len < HEAD + sums || sums > 4096)
		return;
	memcpy(all, NAME, sizeof(NAME));
	memcpy(all + sizeof(NAME), p, HEAD - SUM);
	memcpy(all + sizeof(NAME) + HEAD - SUM, p + HEAD, sums);
	if (sha256(all, sizeof(NAME) + HEAD - SUM + sums, full) == 0)
		memcpy(p + HEAD - SUM, full, SUM);
}

static void use(struct cachefile *f, uint64_t first)
{
	uint64_t offs[] = { 0, first, first + PIECE - 7, INT64_MAX };
	uint8_t buf[3000];
	size_t grew;

	for (size_t i = 0; i < sizeof(offs) / sizeof(offs[0]); i++) {
		uint64_t from, to;

		cachefile_missing(f, offs[i], sizeof(buf), &from, &to);
		if (from < offs[i] || from > to || to > offs[i] + sizeof(buf))
			abort();
		cachefile_read(f, offs[i], buf, 100);
	}
	memset(buf, 7, sizeof(buf));
	/* What was appended to whatever there was is there, unless other bytes of its range were. */
	if (cachefile_append(f, 5000, buf, sizeof(buf), &grew) == 0 && grew >= HEAD + SUM + sizeof(buf) &&
	    (cachefile_read(f, 5000, buf, sizeof(buf)) < 0 || buf[0] != 7 || buf[sizeof(buf) - 1] != 7))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char path[64];
	uint8_t *copy;
	int fd;

	if (len > 1 << 17)
		return 0;
	snprintf(path, sizeof(path), "/dev/shm/fuzz-cachefile.%d", (int)getpid());
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	copy = malloc(len + 1);
	if (fd < 0 || !copy)
		abort();
	memcpy(copy, data, len);
	mend_sum(copy, len);
	if (write(fd, copy, len) != (ssize_t)len)
		abort();
	close(fd);
	struct cachefile *f = cachefile_open(AT_FDCWD, path, NAME, false);

	if (f)
		use(f, len >= HEAD ? le64(copy + 8) % INT64_MAX : 0);
	cachefile_unref(f);
	free(copy);
	unlink(path);
	return 0;
}
