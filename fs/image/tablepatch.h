/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Move the starts of partitions in a copy of the partition table: for a LUKS
 * header in front of its data, the row shall begin behind the header, so that
 * every byte of the decrypted disk keeps its place.
 */
#ifndef ADE_FS_IMAGE_TABLEPATCH_H
#define ADE_FS_IMAGE_TABLEPATCH_H

#include "fs/image/partitions.h"
#include "fs/image/splice.h"

struct table_move {
	unsigned n;		/* partition number */
	uint64_t start;		/* bytes: where it begins now; its end stays */
};

#define TABLE_PATCHES_MAX 8u

/* Pieces to splice over the disk: GPT: both copies, header and array, CRCs
 * right, also where one copy was damaged; MBR: the sectors of the rows.
 * 0 and *n_pieces; the caller owns the devices in pieces.  -EINVAL: a start
 * that is no multiple of the sector, or not inside the partition. */
int table_patch(struct blockdev *disk, const struct partition_table *t,
		const struct table_move *moves, size_t n_moves,
		struct splice_piece pieces[PARTITIONS_MAX + TABLE_PATCHES_MAX], size_t *n_pieces,
		struct error *err);

#endif
