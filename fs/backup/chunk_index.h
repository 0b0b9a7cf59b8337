/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole chunks of the VM that are stored already, by name: so that the same
 * bytes at another place are not stored again.  Disposable and bounded: what
 * it does not know costs space alone.  Any number of threads.
 */
#ifndef ADE_FS_BACKUP_CHUNK_INDEX_H
#define ADE_FS_BACKUP_CHUNK_INDEX_H

#include "fs/vault/segment.h"

#define CHUNK_INDEX_MAX (256u << 10)	/* chunks; about 24 MiB */

struct chunk_index;

struct chunk_index *chunk_index_new(void);		/* NULL: no memory */
void chunk_index_free(struct chunk_index *x);
/* Forgets rather than fails.  ref: RAW or ZSTD, of chunk_size bytes unpacked. */
void chunk_index_add(struct chunk_index *x, const struct chunk_ref *ref, uint32_t chunk_size);
bool chunk_index_find(struct chunk_index *x, const uint8_t name[CHUNK_NAME_BYTES], uint32_t chunk_size,
		      struct chunk_ref *out);

DEFINE_CLEANUP(struct chunk_index *, chunk_index_free);

#endif
