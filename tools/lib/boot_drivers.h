/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The drivers that a Linux guest starts with (fs/azure/drivers.h), found on its
 * disk: its boot loader's first entry names kernel and initramfs.  What is
 * packed is unpacked by its own program (zstd, gzip, xz, …).
 */
#ifndef ADE_TOOLS_LIB_BOOT_DRIVERS_H
#define ADE_TOOLS_LIB_BOOT_DRIVERS_H

#include "crypto/error.h"
#include "fs/azure/drivers.h"

/* image: the view that the guest starts from; work: a private folder; bus: no
 * more is looked for when it has that one's drivers.  0, or -errno with words
 * why (less) is known; d is good in either case. */
int boot_drivers_look(const char *image, const char *work, enum machine_bus bus, struct drivers *d,
		      struct error *why);

#endif
