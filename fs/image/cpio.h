/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An initramfs in the kernel's "newc" form (Documentation/driver-api/
 * early-userspace/buffer-format), not compressed: what `boot` puts in front of
 * a guest's own.
 */
#ifndef ADE_FS_IMAGE_CPIO_H
#define ADE_FS_IMAGE_CPIO_H

#include "crypto/cleanup.h"

#include <stdint.h>

struct cpio;

struct cpio *cpio_new(void);		/* NULL: no memory */
void cpio_free(struct cpio *c);

/* A text file of root's, mode 0644; folders above it are added first.  A
 * failure is kept until cpio_finish(). */
void cpio_add_text(struct cpio *c, const char *path, const char *text);

/* malloc'ed, of a multiple of 512 bytes.  0 or -ENOMEM.  c holds nothing then. */
int cpio_finish(struct cpio *c, uint8_t **out, size_t *len);

DEFINE_CLEANUP(struct cpio *, cpio_free);

#endif
