/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What unlocking yields, for BitLocker and LUKS alike: a sector cipher, and a
 * map from the plaintext volume to where its bytes lie in the container (the
 * partition or disk that holds the encrypted volume).  LUKS is one
 * EXTENT_CRYPT row.  BitLocker adds rows for the moved boot sectors, for its
 * own metadata (reads as zeros) and for what a paused conversion left clear.
 * All oddities of a format end here; the layer that reads knows no format.
 */
#ifndef ADE_CRYPTO_VOLUME_H
#define ADE_CRYPTO_VOLUME_H

#include "crypto/sector.h"

#include <stddef.h>
#include <stdint.h>

enum extent_kind { EXTENT_CRYPT, EXTENT_CLEAR, EXTENT_ZERO };

/* off, len, src are bytes; CRYPT rows are whole sectors. */
struct crypt_extent {
	uint64_t off, len;	/* in the plaintext volume */
	uint64_t src;		/* in the container */
	uint64_t iv;		/* IV number of the sector at off */
	enum extent_kind kind;
};

struct volume {
	uint64_t size;			/* of the plaintext volume, bytes */
	struct sector_cipher *cipher;	/* owned */
	struct crypt_extent *ext;	/* owned; sorted, gapless, covers [0, size) */
	size_t n_ext;
};

/* Takes cipher, and copies the rows after checking that they are sorted,
 * gapless, cover [0, size) and stay inside [0, container_size); the cipher is
 * freed on failure too.  NULL: EBADMSG, ENOMEM. */
struct volume *volume_new(struct sector_cipher *cipher, const struct crypt_extent *ext,
			  size_t n_ext, uint64_t size, uint64_t container_size,
			  struct error *err);
void volume_free(struct volume *v);

/* Where a format parser reads from.  read() gives all len bytes or -errno. */
struct reader {
	int (*read)(void *ctx, void *buf, size_t len, uint64_t off);
	void *ctx;
	uint64_t size;		/* bytes */
};

/* Range-checked read: -EBADMSG when [off, off + len) is not inside the reader. */
int reader_read(const struct reader *r, void *buf, size_t len, uint64_t off);

/* A reader over memory, for tests and fuzz targets.  Borrows buf. */
struct reader_mem { const uint8_t *buf; size_t len; };
struct reader reader_from_mem(struct reader_mem *m);

DEFINE_CLEANUP(struct volume *, volume_free);

#endif
