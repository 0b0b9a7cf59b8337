/* SPDX-License-Identifier: Apache-2.0 */
/* What a device holds, by the signatures at its start.  Used to name
 * partitions for people and to see that a decrypted volume makes sense. */
#ifndef ADE_FS_IMAGE_FSTYPE_H
#define ADE_FS_IMAGE_FSTYPE_H

#include "fs/image/blockdev.h"

/* "ntfs", "ext2", "ext3", "ext4", "xfs", "vfat", "exfat", "refs", "btrfs",
 * "swap", "lvm", "bitlocker", "luks"; NULL: nothing that we know.  A read
 * error counts as nothing. */
const char *fstype_detect(struct blockdev *bd);

#endif
