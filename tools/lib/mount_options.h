/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of mount(8) that reach every helper through -o: those that the
 * kernel gets, and those that mount(8), systemd or a person meant and that say
 * nothing to us.
 */
#ifndef ADE_TOOLS_LIB_MOUNT_OPTIONS_H
#define ADE_TOOLS_LIB_MOUNT_OPTIONS_H

#include "crypto/error.h"

enum mount_option_kind {
	MOUNT_OPTION_OTHER,	/* not mount(8)'s: ours, or unknown */
	MOUNT_OPTION_KERNEL,	/* noexec, … */
	MOUNT_OPTION_IGNORED,	/* rw, _netdev, x-…, … */
	MOUNT_OPTION_REFUSED,	/* remount, bind, …: not with this file system */
};

/* entry: "name" or "name=value". */
enum mount_option_kind mount_option_kind(const char *entry);

/* Words for a refused one; returns -EINVAL. */
int mount_option_refuse(const char *entry, struct error *err);

#endif
