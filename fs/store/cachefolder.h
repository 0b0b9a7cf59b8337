/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder of a disk cache: a file for each object (cachefile.h), and its
 * size, which all processes that share the folder keep to together: each counts
 * what it adds, and now and then all that is there.  Any number of threads.
 */
#ifndef ADE_FS_STORE_CACHEFOLDER_H
#define ADE_FS_STORE_CACHEFOLDER_H

#include "crypto/error.h"
#include "fs/store/cachefile.h"

struct cachefolder;

/* Made (0700) when it is missing.  NULL: EPERM (others may write to it), ENOTDIR, … */
struct cachefolder *cachefolder_open(const char *path, uint64_t limit, struct error *err);
void cachefolder_free(struct cachefolder *c);

struct cachefile *cachefolder_file(struct cachefolder *c, const char *object, bool create);	/* or NULL */
void cachefolder_remove(struct cachefolder *c, const char *object);
/* So many bytes came; evicts what was used longest ago when there are too many. */
void cachefolder_grew(struct cachefolder *c, size_t bytes);
void cachefolder_stats(struct cachefolder *c, uint64_t *limit, uint64_t *used, uint64_t *evicted);
uint64_t cachefolder_room(struct cachefolder *c);	/* counts anew; bytes */

#endif
