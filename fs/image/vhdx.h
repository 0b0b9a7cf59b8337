/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any device shown as a fixed VHDX, read-only: headers, metadata and block
 * table are computed from offsets, the payload is the device itself in one
 * piece behind them.  Nothing is copied, and memory does not grow with size.
 * Format: [MS-VHDX]; blocks of 32 MiB, sectors of 512 bytes (4096 physical).
 * The disk's size is the device's, rounded up with zeros to a whole sector.
 */
#ifndef ADE_FS_IMAGE_VHDX_H
#define ADE_FS_IMAGE_VHDX_H

#include "fs/image/blockdev.h"

#define VHDX_SECTOR 512u
#define VHDX_BLOCK (32u << 20)
#define VHDX_MAX_BYTES (64ull << 40)

/* CRC-32C of len bytes and then zeros up to total bytes (0: none follow). */
uint32_t vhdx_crc32c(const void *p, size_t len, size_t total);

/* Bytes of the VHDX that shows size bytes; 0: size is 0 or above VHDX_MAX_BYTES. */
uint64_t vhdx_file_size(uint64_t size);

/* lower as a VHDX; id names the disk and its state.  Takes lower.
 * NULL: EINVAL (empty, or larger than VHDX_MAX_BYTES), ENOMEM. */
struct blockdev *vhdx_shell_open(struct blockdev *lower, const uint8_t id[16], struct error *err);

#endif
