/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plaintext of an unlocked volume over its container.  Knows no format:
 * the volume's extent map says what to do with each byte.
 */
#ifndef ADE_FS_IMAGE_DECRYPT_H
#define ADE_FS_IMAGE_DECRYPT_H

#include "crypto/volume.h"
#include "fs/image/blockdev.h"

/* Takes lower (the container) and v, on failure too.  A NULL v is handed on. */
struct blockdev *decrypt_open(struct blockdev *lower, struct volume *v, struct error *err);

#endif
