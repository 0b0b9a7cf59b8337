/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a restore writes to: a block device, or a file that carries the ending
 * .part until it is whole.  Beside a file, NAME.resume says what is being
 * written and how far it is, so that a cut restore can be gone on with.
 */
#ifndef ADE_FS_RESTORE_TARGET_H
#define ADE_FS_RESTORE_TARGET_H

#include "crypto/cleanup.h"
#include "crypto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct target;

/* path: a file that is not there yet, or a block device of at least size bytes
 * that nobody uses.  what: words that name the bytes (point and view), which a
 * resumed restore must have in common.  *start: where to go on; 0 unless
 * resume.  NULL: EEXIST, EBUSY, ENOSPC, EINVAL, … with words. */
struct target *target_open(const char *path, uint64_t size, const char *what, bool resume,
			   uint64_t *start, struct error *err);
void target_free(struct target *t);	/* not finished: what is written stays, to be resumed */

bool target_is_device(const struct target *t);	/* may hold old bytes: zeros are to be written */

/* Any number of threads.  0 or -errno. */
int target_write(struct target *t, const void *buf, size_t len, uint64_t off);
int target_zero(struct target *t, uint64_t off, uint64_t len);		/* a device alone */
int target_read(struct target *t, void *buf, size_t len, uint64_t off);
/* Does the range read as zeros?  1, 0 or -errno; buf: room for 64 KiB. */
int target_is_zero(struct target *t, uint64_t off, uint64_t len, void *buf);

/* All below done is written: make it last, and note it. */
int target_note(struct target *t, uint64_t done);
/* All is written: onto the disk. */
int target_sync(struct target *t, struct error *err);
/* The file gets its name. */
int target_finish(struct target *t, struct error *err);

DEFINE_CLEANUP(struct target *, target_free);

#endif
