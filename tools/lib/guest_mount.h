/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file system of a guest, mounted read-only on this machine: ext2, ext3,
 * ext4 and xfs by the kernel over a loop device, without replaying their
 * journals; NTFS by ntfs-3g; FAT by the kernel or, where that cannot, by
 * fusefat.  Always nosuid, nodev, noexec.
 */
#ifndef ADE_TOOLS_LIB_GUEST_MOUNT_H
#define ADE_TOOLS_LIB_GUEST_MOUNT_H

#include "crypto/error.h"

#include <stdbool.h>

/* There is something in it to mount: not swap, not an LVM physical volume, … */
bool guest_has_files(const char *holds);

/* image: the view's path; holds: what is in it, as info.json tells; dir: an
 * empty folder.  0 or -errno with words: ENOTSUP (nothing mounts it here),
 * EBADMSG, … */
int guest_mount(const char *image, const char *holds, const char *dir, struct error *err);

#endif
