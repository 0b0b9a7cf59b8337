/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `adebackup hydrate` asks of a mount: an ioctl on an open image of it.
 */
#ifndef ADE_FS_MOUNT_HYDRATE_H
#define ADE_FS_MOUNT_HYDRATE_H

#include <linux/ioctl.h>
#include <stdint.h>

/* In: a range of the image.  Out: bytes that came (HYDRATE), or that would have
 * to (COUNT).  A mount answers one of these when it is done: ENOTSUP (no disk
 * cache, or not a view of what a vault stores), ENOSPC, EIO, … */
struct hydrate_range { uint64_t off, len, bytes; };

#define HYDRATE_STEP_MAX (UINT64_C(1) << 30)	/* len, at most: an answer within the mount's deadline */

#define HYDRATE_IOC_COUNT _IOWR(0xad, 1, struct hydrate_range)
#define HYDRATE_IOC_HYDRATE _IOWR(0xad, 2, struct hydrate_range)

#endif
