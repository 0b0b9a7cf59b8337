/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a disk differs between two points of one VM, by their maps alone: no
 * chunk is read, and pages that both points share are not read either.
 * Chunks are compared by name, so they must be of the same VM and size.
 */
#ifndef ADE_FS_VAULT_MAP_DIFF_H
#define ADE_FS_VAULT_MAP_DIFF_H

#include "fs/vault/point.h"

/* n chunks from `first` on, ascending, not touching one another.  Non-zero
 * stops the comparison and becomes its result. */
typedef int map_diff_fn(void *arg, uint64_t first, uint64_t n);

/* Either disk may be larger; what it has behind the other's end is compared
 * with zeros.  0; -EINVAL (chunk sizes differ), -EBADMSG (a page is damaged,
 * cut or missing), -ENOKEY, what the store answers, each with words. */
int map_diff(struct vault *v, const struct point_disk *a, const struct point_disk *b, map_diff_fn *fn,
	     void *arg, struct error *err);

#endif
