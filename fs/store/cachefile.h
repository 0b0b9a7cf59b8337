/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is cached of one immutable object: a file that only grows, of records
 * that each hold a range of the object with checksums.  Several processes may
 * append and read at once.  A record that was torn by a crash, or whose bytes
 * rotted, is not there; nothing needs to be synced.
 *
 *	record	magic 8 | offset 8 | length 4 | zero 4 | sum 16
 *		sums, 16 for each 64 KiB of the range, the last may be shorter
 *		the range's bytes
 *
 * Integers little-endian; sums are the first halves of SHA-256: of each piece,
 * and for the record of the object's name, the 24 bytes before and the sums.
 * They find accidents; what must not be forged is sealed by whoever caches it.
 *
 * All functions: any number of threads.
 */
#ifndef ADE_FS_STORE_CACHEFILE_H
#define ADE_FS_STORE_CACHEFILE_H

#include "crypto/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CACHEFILE_RANGE_MAX (64u << 20)

struct cachefile;

/* The file `path` below the folder dir; object: the name that its records are
 * bound to.  create: make it when it is missing.  NULL: errno tells. */
struct cachefile *cachefile_open(int dir, const char *path, const char *object, bool create);
struct cachefile *cachefile_ref(struct cachefile *f);
void cachefile_unref(struct cachefile *f);		/* NULL allowed */

/* Has the file been removed meanwhile (by another process's eviction)? */
bool cachefile_gone(struct cachefile *f);

/* The part of [off, off + len) that is not there: [*from, *to), empty if all is.
 * Looks for what other processes appended when something is missing. */
void cachefile_missing(struct cachefile *f, uint64_t off, size_t len, uint64_t *from, uint64_t *to);

/* The range, which must be there as a whole: 0; -ENOENT: it is not, or not any
 * longer as it was written, and what is broken is forgotten. */
int cachefile_read(struct cachefile *f, uint64_t off, void *buf, size_t len);

/* Append.  *grew: bytes that the file has grown by (0: all was there).
 * 0, -EAGAIN (another process appends, try later), -ENOSPC, -EIO, -ENOMEM. */
int cachefile_append(struct cachefile *f, uint64_t off, const void *data, size_t len, size_t *grew);

DEFINE_CLEANUP(struct cachefile *, cachefile_unref);

#endif
