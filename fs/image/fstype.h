/* SPDX-License-Identifier: Apache-2.0 */
/* What a device holds, by the signatures at its start.  Used to name
 * partitions for people and to see that a decrypted volume makes sense. */
#ifndef ADE_FS_IMAGE_FSTYPE_H
#define ADE_FS_IMAGE_FSTYPE_H

#include "fs/image/blockdev.h"

#define FSTYPE_UUID_MAX 40

/* "ntfs", "ext2", "ext3", "ext4", "xfs", "vfat", "exfat", "refs", "btrfs",
 * "swap", "lvm", "bitlocker", "luks"; NULL: nothing that we know.  A read
 * error counts as nothing. */
const char *fstype_detect(struct blockdev *bd);

/* The UUID or serial number of a file system of that kind, as /dev/disk/by-uuid
 * writes it; false: it has none, or a read error. */
bool fstype_uuid(struct blockdev *bd, const char *what, char out[FSTYPE_UUID_MAX]);

#endif
