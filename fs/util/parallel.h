/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same for many things, several at once: what asks a store for many small
 * objects would else wait a round trip for each.
 */
#ifndef ADE_FS_UTIL_PARALLEL_H
#define ADE_FS_UTIL_PARALLEL_H

#include "crypto/error.h"

#include <stddef.h>

/* Thing i; any thread, which takes no signals unless it is the caller's.  0 or -errno with words. */
typedef int parallel_fn(void *arg, size_t i, struct error *err);

/* fn for each i < n, at most `most` at once.  After a failure nothing new is
 * begun.  0, or the failure of the lowest i that had one, with its words. */
int parallel_each(size_t n, unsigned most, parallel_fn *fn, void *arg, struct error *err);

#endif
