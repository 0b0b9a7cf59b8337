/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `adebackup mount` and mount.adebackup are one thing: open SPEC, mount it at
 * DIR, serve it in the background.
 */
#ifndef ADE_TOOLS_LIB_MOUNTING_H
#define ADE_TOOLS_LIB_MOUNTING_H

#include "tools/lib/options.h"
#include "tools/lib/report.h"

struct mount_request {
	const char *spec, *dir;
	const struct options *options;
	bool fake;		/* open and check, do not mount */
	bool verbose;
};

/* Returns the exit code of the process; in the background process it returns
 * when the mount has gone. */
int mounting_run(const struct mount_request *req, const struct report *report);

#endif
