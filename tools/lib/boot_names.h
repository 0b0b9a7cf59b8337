/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names that a Linux guest waits for when its disks are decrypted, or were
 * before (a clone that was exported): its own crypttab, in the root volume,
 * tells under which it would open them.
 */
#ifndef ADE_TOOLS_LIB_BOOT_NAMES_H
#define ADE_TOOLS_LIB_BOOT_NAMES_H

#include "tools/lib/boot_plan.h"

/* Adds to p->adapt what crypttab says of the volumes in p->data, and of the root; work: a private
 * folder.  0, also where no crypttab can be read; -errno with words. */
int boot_names_add(struct boot_plan *p, const char *work, struct error *err);

/* What the lines of one such file add; root: the volume that it was found in. */
void boot_names_from(struct boot_plan *p, const struct boot_volume *root, const char *text, size_t len);

#endif
