/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bringing chunks to this machine ahead of time: their sealed bytes go to the
 * store's disk cache, unopened, behind all that readers wait for.
 */
#ifndef ADE_FS_VAULT_WARM_H
#define ADE_FS_VAULT_WARM_H

#include "fs/vault/fetch_pool.h"
#include "fs/vault/map.h"

/* Returns when all n are near.  *bytes grows by what had to come; count: by
 * what would have to, and nothing is fetched.  Any thread but the pool's own.
 * 0, -ENOTSUP (the store keeps nothing near), -ENOSPC, -ENOENT (a segment is
 * missing), what the store answers, -EAGAIN (the pool takes no work). */
int warm_chunks(struct store *st, struct fetch_pool *pool, const struct map_entry *e, size_t n, bool count,
		uint64_t *bytes);

#endif
