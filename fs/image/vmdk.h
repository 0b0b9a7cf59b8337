/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The descriptor of a VMDK of the type monolithicFlat: a text that names
 * disk.raw, beside which it lies, as the disk's one extent.
 * Format: VMware's "Virtual Disk Format 5.0", section "The Descriptor".
 */
#ifndef ADE_FS_IMAGE_VMDK_H
#define ADE_FS_IMAGE_VMDK_H

#include <stddef.h>
#include <stdint.h>

#define VMDK_SECTOR 512u
#define VMDK_TEXT_MAX 1024u

/* Writes the descriptor of a disk of raw_size bytes; id names the disk.
 * Returns its length; 0: a disk that is empty or no whole number of sectors. */
size_t vmdk_descriptor(uint64_t raw_size, const uint8_t id[16], char text[VMDK_TEXT_MAX]);

#endif
