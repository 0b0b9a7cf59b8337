/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a drill (`boot --drill`) finds out beside the start itself: the file
 * systems of the decrypted volumes are checked by their own programs, without
 * repair, and all of it is told as JSON and as one HTML page that needs no
 * other file.
 */
#ifndef ADE_TOOLS_LIB_DRILL_H
#define ADE_TOOLS_LIB_DRILL_H

#include "crypto/error.h"
#include "fs/util/json.h"
#include "tools/lib/console_watch.h"

#include <stdbool.h>
#include <stdint.h>

#define DRILL_CHECKS_MAX 256u

enum drill_result { DRILL_CLEAN, DRILL_DAMAGED, DRILL_NOT_CHECKED };

struct drill_check {
	char disk[40], volume[80], holds[16];	/* "os", "p1", "ext4" */
	enum drill_result result;
	char words[200];			/* of the program, or why it was not checked */
	uint64_t ms;
};

struct drill {
	struct drill_check check[DRILL_CHECKS_MAX];
	size_t n_checks;
	bool passed;
	char reason[1024];		/* why not; "": it passed */
	char line[160];			/* what the guest said of it; "": nothing */
	char stage[16];			/* how far the start came */
	uint64_t loader_ms, kernel_ms, reached_ms;	/* after QEMU's start; 0: not seen */
	char *serial_tail;		/* the last it said; malloc'ed */
	uint8_t *screen;		/* PNG, malloc'ed; NULL: none */
	size_t screen_len;
};

/* Check every volume that is shown in the mount at dir.  A journal is replayed
 * first, in the overlay; so before the guest starts.  0 or -errno: the mount
 * cannot be read. */
int drill_check_volumes(struct drill *d, const char *dir, struct error *err);

/* What came of the start; why: words when something else than the guest ended
 * it (a disk failed, a deadline); NULL: none.  Decides whether it passed. */
void drill_conclude(struct drill *d, const struct console_watch *w, const char *why);

/* Volumes that are locked, or whose file system could not be checked. */
size_t drill_unchecked(const struct drill *d);

json_t *drill_json(const struct drill *d);		/* NULL: no memory */

/* about: what else is to be told, an object of texts and numbers. */
int drill_write_html(const struct drill *d, const json_t *about, const char *path, struct error *err);

void drill_free(struct drill *d);

#endif
