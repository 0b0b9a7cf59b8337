/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `adebackup mount` and mount.adebackup are one thing: open SPEC, mount it at
 * DIR, serve it in the background.
 */
#ifndef ADE_TOOLS_LIB_MOUNTING_H
#define ADE_TOOLS_LIB_MOUNTING_H

#include "tools/lib/options.h"
#include "tools/lib/report.h"

/*
 * What else a command does with its mount, in the process that serves it.
 * ready: when the mount at `dir` answers, by a thread of its own.  It may add
 *	members to result, print for people, and set *warned (exit code 3).
 *	-errno with words takes the mount away again, and so does its return when `ends`.
 * failed (may be NULL): the mount, or ready, came to this error, which is told next.
 * ending: after ready was called, when nothing is served any more.
 */
struct mount_hooks {
	int (*ready)(void *arg, const char *dir, json_t *result, bool *warned, struct error *err);
	void (*failed)(void *arg, const struct error *why);
	void (*ending)(void *arg);
	void *arg;
	bool ends;
};

struct mount_request {
	const char *spec, *dir;
	const char *at;		/* VM[@POINT] of a vault; NULL: as the options say */
	const struct options *options;
	const char *mount_ns;	/* mount(8)'s -N: a namespace file; dir is absolute there.  NULL: here */
	bool foreground;	/* as the option */
	bool fake;		/* open and check, do not mount */
	bool verbose;		/* say what was done, on standard output */
	const struct mount_hooks *hooks;	/* NULL: none */
};

/* Returns the exit code of the process; in the background process it returns
 * when the mount has gone. */
int mounting_run(const struct mount_request *req, const struct report *report);

#endif
