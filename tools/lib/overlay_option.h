/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overlay=FILE|DIR|tmp and overlay-view= of a mount.
 */
#ifndef ADE_TOOLS_LIB_OVERLAY_OPTION_H
#define ADE_TOOLS_LIB_OVERLAY_OPTION_H

#include "fs/image/disk_overlay.h"
#include "tools/lib/options.h"
#include "tools/lib/report.h"

struct overlay_option {
	struct overlay_choice choice;
	char *path;		/* absolute, so that it holds after chdir(2) */
};

/* What the options mean; source names the disk.  A folder that exists is a
 * folder, "tmp" is temporary, the rest is a file.  0 or -ENOENT, … with words. */
int overlay_choose(struct overlay_option *out, const struct options *o, const char *source,
		   struct error *err);
void overlay_choice_release(struct overlay_option *out);

/* Lay them over d, if the options ask; says when plaintext will be kept. */
int overlay_lay(struct disk *d, const struct options *o, const char *source,
		const struct report *report, struct error *err);

#endif
