/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunks of the VM that are stored already, by name: so that the same bytes at
 * another place, or those of a backup that was cut, are not stored again.  A
 * patch is found by the name of its base too.  Disposable and bounded: what
 * it does not know costs space alone.  Any number of threads.
 */
#ifndef ADE_FS_BACKUP_CHUNK_INDEX_H
#define ADE_FS_BACKUP_CHUNK_INDEX_H

#include "fs/vault/segment.h"

#define CHUNK_INDEX_MAX (128u << 10)	/* chunks; about 20 MiB */

struct chunk_index;

struct chunk_index *chunk_index_new(void);		/* NULL: no memory */
void chunk_index_free(struct chunk_index *x);
/* Forgets rather than fails.  chunk_size: bytes unpacked. */
void chunk_index_add(struct chunk_index *x, const struct chunk_ref *ref, uint32_t chunk_size);
/* base: name of what a patch builds on; NULL: whole chunks. */
bool chunk_index_find(struct chunk_index *x, const uint8_t name[CHUNK_NAME_BYTES], const uint8_t *base,
		      uint32_t chunk_size, struct chunk_ref *out);

DEFINE_CLEANUP(struct chunk_index *, chunk_index_free);

#endif
