/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boot loader configurations of a Linux guest: one more initramfs in front of
 * its own, and which kernel that is.  GRUB's grub.cfg, and Boot Loader
 * Specification entries (loader/entries/NAME.conf).  Hostile text; bytes that are not understood stay
 * as they are.
 */
#ifndef ADE_FS_IMAGE_BOOTCFG_H
#define ADE_FS_IMAGE_BOOTCFG_H

#include <stdbool.h>
#include <stddef.h>

#define BOOTCFG_MAX (1u << 20)	/* bytes of a configuration */

enum bootcfg_kind { BOOTCFG_GRUB, BOOTCFG_BLS };

struct bootcfg_edit {
	char *text;		/* malloc'ed, NUL behind it */
	size_t len;
	unsigned entries;	/* that load an initramfs */
	unsigned changed;	/* of these: did not name ours yet */
	char dir[128];		/* of the first initramfs, as a path in its file system: "", "/boot" */
};

/* Put the file `name`, in the folder of each entry's own initramfs, in front
 * of it.  0, -EINVAL (text too long), -ENOMEM. */
int bootcfg_add_initrd(enum bootcfg_kind kind, const char *text, size_t len, const char *name,
		       struct bootcfg_edit *out);

/* What an entry loads, as paths in its file system. */
struct bootcfg_entry {
	char kernel[160];	/* "": not told */
	char initrd[160];	/* of several the last, which is the guest's own */
};

/* GRUB: the first entry of the text that loads an initramfs; BLS: the text is
 * one entry.  false: none, or one without a plain path. */
bool bootcfg_entry(enum bootcfg_kind kind, const char *text, size_t len, struct bootcfg_entry *out);

#endif
