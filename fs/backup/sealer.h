/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread's way from a chunk's bytes to its entry in the map: the parent's
 * entry when nothing changed, a chunk that is stored already, a patch of what
 * the parent has there, or a new chunk in the thread's own segment.
 * FORMAT.md, sections "Chunks" and "Segments".
 */
#ifndef ADE_FS_BACKUP_SEALER_H
#define ADE_FS_BACKUP_SEALER_H

#include "fs/backup/run.h"
#include "fs/vault/map.h"

/* One thread.  r is borrowed. */
struct sealer;
struct sealer *sealer_new(struct run *r, uint32_t chunk_size, struct error *err);
void sealer_free(struct sealer *s);

/* May the parent's entry, of a chunk that is stored, stand as it is? */
bool sealer_keep(const struct sealer *s, const struct map_entry *old);

/* chunk: chunk_size bytes.  old: the parent's entry there, CHUNK_ZERO without one.
 * *out: the new entry.  0 or -errno with words. */
int sealer_take(struct sealer *s, const void *chunk, const struct map_entry *old, struct map_entry *out,
		struct error *err);

/* Put the segment that is being filled, if it holds anything. */
int sealer_flush(struct sealer *s, struct error *err);

DEFINE_CLEANUP(struct sealer *, sealer_free);

#endif
