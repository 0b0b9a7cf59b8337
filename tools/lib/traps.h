/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a disk of another machine does to this one when it becomes a block
 * device here: file systems and LVM volume groups that both have.  A clone's
 * UUIDs are those of its origin, so whoever mounts by UUID gets either.
 */
#ifndef ADE_TOOLS_LIB_TRAPS_H
#define ADE_TOOLS_LIB_TRAPS_H

#include "crypto/error.h"

/* Called with words and a next step for each trap. */
typedef void trap_fn(void *arg, const struct error *trap);

/* dir: a disk's folder, view: the one to attach.  Looks at what udev and
 * device mapper of this machine know, and at its mounted devices.  To be
 * called before the device is made.  0 or -errno with words. */
int traps_look(const char *dir, const char *view, trap_fn *fn, void *arg, struct error *err);

#endif
