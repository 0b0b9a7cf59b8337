/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loop devices of this machine, read-only unless asked, over files of our mounts.  The
 * kernel is never asked to look for partitions: they are added one by one, as
 * our own parser reads the table.  Root only.
 */
#ifndef ADE_TOOLS_LIB_LOOP_H
#define ADE_TOOLS_LIB_LOOP_H

#include "crypto/cleanup.h"
#include "crypto/error.h"

#include <stdbool.h>
#include <stdint.h>

struct loop_request {
	const char *file;
	uint32_t sector_size;	/* bytes: 512 or 4096 */
	bool autoclear;		/* goes with its last user */
	uint64_t offset, size;	/* bytes of the file; size 0: to its end */
	bool writable;
};

struct loop_device {
	int fd;			/* -1: none */
	char name[32];		/* "/dev/loop3" */
};

/* 0 or -errno with words: EACCES and others of opening the file, ENOTSUP (no
 * loop devices here), EPERM.  Close fd when done. */
int loop_attach(const struct loop_request *req, struct loop_device *out, struct error *err);

/* start and size in bytes. */
int loop_add_partition(const struct loop_device *l, unsigned n, uint64_t start, uint64_t size,
		       struct error *err);

/* It lies over a file below dir. */
bool loop_is_over(const char *name, const char *dir);

/* Partitions and device go; -EBUSY with words, and all stays, when one of them
 * is in use. */
int loop_detach(const char *name, struct error *err);

/* "/dev/loop3" of "/dev/loop3p1" or of itself; false: no loop device. */
bool loop_whole(const char *device, char name[32]);

/* Another loop device than `name` lies over a file below dir. */
bool loop_any_other(const char *name, const char *dir);

/* The file that a loop device lies over, malloc'ed; NULL with words. */
char *loop_file(const char *name, struct error *err);

#endif
