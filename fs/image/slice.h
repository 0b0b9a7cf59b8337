/* SPDX-License-Identifier: Apache-2.0 */
/* A range of another device: a partition, a VHD without its footer. */
#ifndef ADE_FS_IMAGE_SLICE_H
#define ADE_FS_IMAGE_SLICE_H

#include "fs/image/blockdev.h"

/* Takes lower.  NULL: EINVAL when [off, off + len) is not inside it, ENOMEM. */
struct blockdev *slice_open(struct blockdev *lower, uint64_t off, uint64_t len, struct error *err);

#endif
