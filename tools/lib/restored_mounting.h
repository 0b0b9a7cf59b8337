/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a folder or container that *Restore disks* left, and the options of a
 * mount, to a tree with all disks of the VM, or to the disks themselves; keys
 * are found by what lies there and in the OS disk's blob.
 */
#ifndef ADE_TOOLS_LIB_RESTORED_MOUNTING_H
#define ADE_TOOLS_LIB_RESTORED_MOUNTING_H

#include "fs/azure/restored.h"
#include "fs/image/disk.h"
#include "fs/keys/keystore.h"
#include "fs/mount/tree.h"
#include "tools/lib/overlay_option.h"
#include "tools/lib/source_opening.h"

/* What the tree hangs on; zeroed at first. */
struct restored_mounting {
	struct restored *found;
	struct store *st;		/* of a container; NULL: a local folder */
	char *spec;			/* without '/' at its end */
	const struct options *options;	/* borrowed, as long as the tree lives */
	struct source_opening source;
	struct keyring *keys;		/* of files */
	struct keyring *bek;		/* all, as long as bek-volume.raw is shown */
	struct keystores *stores;
	struct audit *audit;
	struct overlay_option overlay;
	const char *headers[16];
	struct disk_options disk;
	struct jval *config;		/* without secrets */
	char title[128];
};

/* Does spec, which is no vault, hold restored disks?  1, 0, or -errno with words. */
int restored_mounting_find(struct restored_mounting *m, const char *spec, const struct options *o, struct error *err);
/* After it said 1.  dir: where the tree will be. */
struct tree *restored_mounting_tree(struct restored_mounting *m, const char *dir, const struct report *report,
				    const struct tree_owner *owner, struct error *err);
/* The same for who only looks: each disk goes to fn, opened with the keys that there are, and is closed after it;
 * d NULL: why it cannot be opened.  The first result that is not 0 ends it and is handed on. */
typedef int restored_disk_fn(void *arg, const char *name, struct disk *d, const struct error *why);
int restored_mounting_each(struct restored_mounting *m, const struct report *report, restored_disk_fn *fn, void *arg,
			   struct error *err);
void restored_mounting_close(struct restored_mounting *m);

static inline void restored_mounting_close_cleanup(struct restored_mounting *m) { restored_mounting_close(m); }

#endif
