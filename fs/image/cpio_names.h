/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names in an initramfs: archives in the kernel's "newc" form
 * (Documentation/driver-api/early-userspace/buffer-format), one behind the
 * other, fed in pieces of any size.  Hostile input.
 */
#ifndef ADE_FS_IMAGE_CPIO_NAMES_H
#define ADE_FS_IMAGE_CPIO_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPIO_HEAD 110u
#define CPIO_NAME_MAX 4096u

/* Non-zero ends the reading. */
typedef int cpio_name_fn(void *arg, const char *name);

struct cpio_names {
	cpio_name_fn *fn;
	void *arg;
	char head[CPIO_HEAD];
	size_t have;			/* bytes of head, or of the name */
	size_t name_size;		/* 0: a head is read */
	uint64_t file_size, skip;
	char name[CPIO_NAME_MAX];
};

void cpio_names_init(struct cpio_names *c, cpio_name_fn *fn, void *arg);

/* 0: go on; 1: at data + *used something begins that is no archive (a packed
 * part); -EBADMSG; what fn returned. */
#define CPIO_NAMES_FOREIGN 1
int cpio_names_feed(struct cpio_names *c, const void *data, size_t len, size_t *used);

/* What was fed ends with a file, not within one. */
bool cpio_names_whole(const struct cpio_names *c);

#endif
