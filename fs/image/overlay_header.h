/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first 4,096 bytes of an overlay file: what the overlay lies over, and
 * where its map and its data are.  Bytes and checks only; opens no file.
 *
 *	magic 8 | version 4 | block size 4 | virtual size 8 | plaintext 1 | zero 7 |
 *	identity of the base 32 | view 32 | base in words 256 | time of making 8 |
 *	SHA-256 of the 360 before 32 | zeros
 *
 * Integers are little-endian; texts end with zeros, the time is in seconds of
 * 1970.  The map follows with 2 bits a block (overlay_map.h), padded to whole
 * blocks; the data region follows the map, each block of the disk at its own
 * offset in it, so that the file is as sparse as what was written.  Version 2
 * ends with a log (overlay_log.h) of an eighth of the data, 256 KiB to 16 MiB;
 * version 1 has none.
 */
#ifndef ADE_FS_IMAGE_OVERLAY_HEADER_H
#define ADE_FS_IMAGE_OVERLAY_HEADER_H

#include "crypto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OVERLAY_BLOCK 4096u
#define OVERLAY_HEADER_BYTES 4096u

struct overlay_info {		/* what an overlay lies over */
	uint64_t size;		/* of the view, bytes */
	uint64_t made;		/* seconds of 1970 */
	uint8_t id[32];		/* the base's identity: equal for equal bytes */
	bool plaintext;		/* a decrypted view: the overlay holds plaintext */
	bool logged;		/* the file has a log */
	char view[32];		/* "disk.raw", "encrypted/disk.raw" */
	char base[256];		/* the base's name when it was made, for people */
};

struct overlay_layout {		/* bytes; all from the start of the file */
	uint64_t map_off, map_len;
	uint64_t data_off;
	uint64_t end;		/* of the data region */
	uint64_t log_off, log_len;	/* length 0: no log */
	uint64_t file_len;
};

/* By size and log alone.  0, or -EINVAL: a size of 0, or one that no file can
 * hold. */
int overlay_layout(const struct overlay_info *info, struct overlay_layout *out);

/* out holds OVERLAY_HEADER_BYTES.  0, or -EIO, -ENOMEM (no digest). */
int overlay_header_write(const struct overlay_info *info, uint8_t *out);

/* 0, -EBADMSG (no overlay, or damaged), -ENOTSUP (newer version), with words
 * and the next step.  Texts of an accepted header are printable. */
int overlay_header_read(const void *header, size_t len, struct overlay_info *out,
			struct error *err);

/* Was `have` made over what `want` describes (view, identity, size)?  Name, time
 * and log do not count.  0, or -EINVAL with words and the next step. */
int overlay_match(const struct overlay_info *have, const struct overlay_info *want,
		  struct error *err);

#endif
