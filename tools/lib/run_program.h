/* SPDX-License-Identifier: Apache-2.0 */
/* Another program, run to its end: without a shell, found by PATH, its output kept. */
#ifndef ADE_TOOLS_LIB_RUN_PROGRAM_H
#define ADE_TOOLS_LIB_RUN_PROGRAM_H

#include "crypto/error.h"

#include <stddef.h>
#include <sys/types.h>

struct program_end {
	int code;		/* exit code, or 128 and the signal */
	char *said;		/* what it wrote, both ways, at most 1 MiB; malloc'ed */
	size_t len;
};

/* argv ends with NULL; input: what it reads, NULL: nothing.  0 when it ran, whatever it came to;
 * -ENOTSUP with words: it is not installed (package: where it is in). */
int program_run(const char *const argv[], const char *input, const char *package, struct program_end *end,
		struct error *err);

/* Starts one that its caller talks to: no signal blocked, in and out its own ends, errors where it complains (-1:
 * nowhere).  0 and *pid, to be waited for, or an errno value: ENOENT, it is not installed. */
int program_spawn(const char *const argv[], int in, int out, int errors, pid_t *pid);

/* The first line of what it said, cut to fit; "no reason given" for none. */
void program_first_line(const struct program_end *end, char *line, size_t size);

/* The last that says something: many programs name their verdict there. */
void program_last_line(const struct program_end *end, char *line, size_t size);

#endif
