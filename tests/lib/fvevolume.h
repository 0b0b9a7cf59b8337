/* SPDX-License-Identifier: Apache-2.0 */
/* A small BitLocker volume in memory, with its plaintext, for unit tests and fuzz targets. */
#ifndef ADE_TESTS_LIB_FVEVOLUME_H
#define ADE_TESTS_LIB_FVEVOLUME_H

#include "crypto/volume.h"
#include "tests/lib/fvewriter.h"

#define FVEV_BYTES (1u << 20)

struct fvev {
	struct fvew w;			/* change it between fvev_init() and fvev_fill() */
	uint8_t *plain, *stored;	/* FVEV_BYTES each */
	struct reader_mem mem;		/* over stored; shorten mem.len for a cut image */
};

/* Places chosen, no protectors yet. */
void fvev_init(struct fvev *v, uint16_t method, uint32_t sector_size);
/* Random plaintext with zeros where the metadata goes; ciphertext; boot sector; blocks. */
void fvev_fill(struct fvev *v);
/* Write block i again, from v->w as it is now. */
void fvev_rewrite_block(struct fvev *v, unsigned i);
uint8_t *fvev_block(struct fvev *v, unsigned i);
struct reader fvev_reader(struct fvev *v);
void fvev_release(struct fvev *v);

/* What the volume's map makes of the stored bytes; out has v->size bytes. */
int fvev_decrypt(const struct volume *v, const struct reader *r, uint8_t *out);

#endif
