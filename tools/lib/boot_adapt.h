/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Linux guest is told what its disks are called here (fs/azure/adapt.h): the
 * small initramfs is put beside its own, and its boot loader is told to load
 * both.  Written into the overlay over the guest's disk, where it starts by
 * its own loader, whatever the firmware.
 */
#ifndef ADE_TOOLS_LIB_BOOT_ADAPT_H
#define ADE_TOOLS_LIB_BOOT_ADAPT_H

#include "crypto/error.h"
#include "fs/azure/adapt.h"

#include <stdio.h>

/* image: the view of the OS disk that the guest starts from, writable; work: a
 * private folder.  Each change is a line in `changes`; without write, they are
 * told and not made.  0; 1 with words: nothing was found to change; -errno. */
int boot_adapt(const char *image, const struct adapt *a, const char *work, bool write, FILE *changes,
	       struct error *err);

#endif
