/* SPDX-License-Identifier: Apache-2.0 */
/* A stack's bottom in memory: tables and headers that were made or patched. */
#ifndef ADE_FS_IMAGE_MEM_H
#define ADE_FS_IMAGE_MEM_H

#include "fs/image/blockdev.h"

/* Takes buf (malloc'ed), also on failure. */
struct blockdev *mem_open(void *buf, size_t len, struct error *err);

/* len bytes of zeros, told as one hole. */
struct blockdev *zero_open(uint64_t len, struct error *err);

#endif
