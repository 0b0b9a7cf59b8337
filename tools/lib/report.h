/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a command ends: its exit code, and its error in words, for people on
 * stderr and for machines as JSON on stdout.
 */
#ifndef ADE_TOOLS_LIB_REPORT_H
#define ADE_TOOLS_LIB_REPORT_H

#include "crypto/error.h"
#include "fs/util/json.h"

#include <stdbool.h>

enum exit_code {
	EXIT_DONE = 0, EXIT_OTHER = 1, EXIT_USAGE = 2, EXIT_WARNINGS = 3,
	EXIT_NOT_FOUND = 10, EXIT_BUSY = 11, EXIT_WRONG_KEY = 12, EXIT_KEY_MISSING = 13,
	EXIT_PERMISSION = 14, EXIT_UNREACHABLE = 15, EXIT_DAMAGED = 16, EXIT_UNSUPPORTED = 17,
	EXIT_INTERRUPTED = 130,
};

/* The one place where an error becomes an exit code.  err->code 0: done. */
int exit_code_for(const struct error *err);

/* mount(8)'s bits for one of our codes: 1 usage or permission, 2 system,
 * 8 interrupted, 32 the mount failed. */
int mount_bits_for(int exit_code);

struct report {
	const char *program;	/* "adebackup", "mount.adebackup" */
	const char *command;	/* for JSON: "mount"; NULL: none */
	bool json, quiet;
	bool mount_bits;	/* exit codes for mount(8), ours in the message as [12] */
	json_t *beside;		/* members that a failure's JSON has beside the error; borrowed, or NULL */
};

/* Say the error, if there is one; returns the exit code of the process. */
int report_error(const struct report *r, const struct error *err);

/* A command's result for machines: prints `members` (taken; an object; NULL:
 * nothing to tell) with "schema" and "command" added, when r->json; people
 * have been told already.  Returns EXIT_DONE or EXIT_OTHER (no memory). */
int report_result(const struct report *r, json_t *members);

/* Words that do not stop the command, on stderr. */
void report_warning(const struct report *r, const struct error *warning);

#endif
