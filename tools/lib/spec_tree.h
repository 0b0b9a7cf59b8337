/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From SPEC and options to the tree that a mount shows: of a disk image, of
 * restored disks, or of a vault, a VM, a recovery point.
 */
#ifndef ADE_TOOLS_LIB_SPEC_TREE_H
#define ADE_TOOLS_LIB_SPEC_TREE_H

#include "fs/azure/settings.h"
#include "tools/lib/opening.h"
#include "tools/lib/restored_mounting.h"
#include "tools/lib/vault_mounting.h"

struct spec {
	const char *source;		/* an image, or a vault: a path that holds from any folder */
	const char *at;			/* VM[@POINT] of a vault; NULL: as the options say */
	const char *dir;		/* where the tree is mounted, or would be: an absolute path */
	const struct options *options;
	const struct report *report;
};

/* What the tree hangs on. */
struct spec_tree {
	struct opening opening;		/* of a disk image */
	struct vault_mounting vault;	/* of a vault */
	struct restored_mounting restored;	/* of what Restore disks left */
	struct azure_settings *description;	/* of a disk image, --vm-config; NULL: none */
	char title[128];
};

/* Release s after the tree, on failure too. */
struct tree *spec_tree_new(struct spec_tree *s, const struct spec *spec, struct error *err);
void spec_tree_close(struct spec_tree *s);

static inline void spec_tree_close_cleanup(struct spec_tree *s) { spec_tree_close(s); }

#endif
