/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device with pieces of it replaced by other devices: the whole disk with
 * decrypted volumes and patched partition tables in place.
 */
#ifndef ADE_FS_IMAGE_SPLICE_H
#define ADE_FS_IMAGE_SPLICE_H

#include "fs/image/blockdev.h"

/* [off, off + dev->size) shows dev. */
struct splice_piece {
	uint64_t off;
	struct blockdev *dev;
};

/* Takes lower and the devices of all pieces, on failure too; the array itself
 * is borrowed.  Pieces may come in any order, must not overlap and must lie
 * inside lower: else NULL, EINVAL.  A NULL dev hands on its constructor's
 * failure. */
struct blockdev *splice_open(struct blockdev *lower, const struct splice_piece *pieces,
			     size_t n_pieces, struct error *err);

#endif
