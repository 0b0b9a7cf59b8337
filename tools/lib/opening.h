/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From SPEC and the options of a command to an open disk: the keys are read,
 * the source is opened, its volumes are unlocked; where a person sits at a
 * terminal and no key was named, a password is asked for.
 */
#ifndef ADE_TOOLS_LIB_OPENING_H
#define ADE_TOOLS_LIB_OPENING_H

#include "fs/image/disk.h"
#include "fs/keys/keyring.h"
#include "tools/lib/options.h"
#include "tools/lib/report.h"
#include "tools/lib/source_opening.h"

/* All keys that the options of G_KEYS name.  NULL with words; *warning gets
 * words when a key came with something to mind. */
struct keyring *keyring_from_options(const struct options *o, struct error *err,
				     struct error *warning);

/* Those alone that are in files.  NULL with words. */
struct keyring *keyring_from_files(const struct options *o, struct error *err);

struct opening {
	struct keyring *keys;
	struct disk *disk;
	struct source_opening source;
	bool warned;		/* a volume stays locked, and that was said */
};

/* Open spec as one disk.  0 or -errno with words; -EKEYREJECTED when a key was
 * named and opens nothing.  On success release with opening_close(). */
int opening_disk(struct opening *op, const char *spec, const struct options *o,
		 const struct report *report, struct error *err);
/* The same to look only: asks nobody, and a locked volume is no news. */
int opening_look(struct opening *op, const char *spec, const struct options *o,
		 const struct report *report, struct error *err);
/* The volumes are unlocked: wipe the keys. */
void opening_drop_keys(struct opening *op);
void opening_close(struct opening *op);

static inline void opening_close_cleanup(struct opening *op) { opening_close(op); }

#endif
