/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/ext_journal.h"
#include "crypto/bytes.h"
#include "crypto/cleanup.h"
#include "tools/lib/run_program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEEDS_RECOVERY 0x4u	/* of s_feature_incompat */
#define INCOMPAT (1024 + 0x60)

static int needs_replay(const char *image, uint64_t start, bool *yes, struct error *err)
{
	AUTO(fd) int fd = open(image, O_RDONLY | O_CLOEXEC);
	uint8_t b[4];

	if (fd < 0 || pread(fd, b, sizeof(b), (off_t)(start + INCOMPAT)) != sizeof(b))
		return error_set(err, errno ? errno : EIO, "%s cannot be read: %s", image, strerror(errno));
	*yes = le32(b) & NEEDS_RECOVERY;
	return 0;
}

/* dumpe2fs says of an empty journal that it starts at 0. */
static bool journal_is_empty(const char *target)
{
	static const char line[] = "Journal start:";
	const char *const argv[] = { "env", "LC_ALL=C", "dumpe2fs", "-h", target, NULL };
	struct program_end end;
	const char *at = NULL;
	bool empty;

	if (!program_run(argv, NULL, "e2fsprogs", &end, NULL) && end.said)
		at = strstr(end.said, line);
	empty = at && strtoul(at + strlen(line), NULL, 10) == 0;
	free(end.said);
	return empty;
}

/* Having replayed the journal, e2fsck up to 1.47 opens the file again without its offset, fails
 * there, and the mark that the journal is needed stays. */
static bool finish(const char *image, uint64_t start, const char *target)
{
	const char *const argv[] = { "debugfs", "-w", "-R", "feature -needs_recovery", target, NULL };
	struct program_end end;
	bool still = true;

	if (!start || !journal_is_empty(target) || program_run(argv, NULL, "e2fsprogs", &end, NULL))
		return false;
	free(end.said);
	return !needs_replay(image, start, &still, NULL) && !still;
}

/* -p: what is more than a journal is left alone.  0 clean, 1 mended. */
int ext_journal_replay(const char *image, uint64_t start, bool *replayed, struct error *err)
{
	AUTO(free) char *target = NULL;
	struct program_end end;
	char line[200];
	int rc;

	*replayed = false;
	rc = needs_replay(image, start, replayed, err);
	if (rc || !*replayed)
		return rc;
	if (asprintf(&target, "%s?offset=%llu", image, (unsigned long long)start) < 0) {
		target = NULL;
		return error_set(err, ENOMEM, "out of memory");
	}
	const char *const argv[] = { "e2fsck", "-p", "-E", "journal_only", target, NULL };

	rc = program_run(argv, NULL, "e2fsprogs", &end, err);
	if (!rc && end.code > 1 && !finish(image, start, target)) {
		program_last_line(&end, line, sizeof(line));
		rc = error_set(err, EBADMSG, "e2fsck cannot replay the file system's journal: %s", line);
	}
	free(end.said);
	return rc;
}
