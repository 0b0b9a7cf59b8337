/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Going to the background so that the caller may rely on the exit code: the
 * parent waits until the child says that it is ready, or has ended.
 *
 * The child is forked before any key is read and any thread started.  Until
 * it is ready it stays in the caller's session, so that it can prompt and
 * Ctrl-C reaches it, writes to the same stderr, and dies with its parent.
 */
#ifndef ADE_TOOLS_LIB_DAEMON_H
#define ADE_TOOLS_LIB_DAEMON_H

#include "crypto/error.h"

#include <stdbool.h>

struct daemon {
	bool background;
	int fd;			/* to the parent; -1 when told */
};

/* background false: no fork, returns 1 at once.
 * Else 1 in the child; 0 in the parent, when the child is ready or has ended,
 * with *exit_code what the parent ends with; -errno with words, in the parent:
 * EINTR when a signal came first, which ends the child. */
int daemon_start(struct daemon *d, bool background, int *exit_code, struct error *err);

/* In the child, by the thread that daemon_start() returned to (the kernel
 * keeps the tie to the parent by thread), before daemon_ready(). */
void daemon_outlive_parent(const struct daemon *d);

/* In the child, once, by any thread: leave terminal, session and folder, and let the parent
 * end with exit_code. */
void daemon_ready(struct daemon *d, int exit_code);

#endif
