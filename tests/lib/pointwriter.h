/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vault in memory, and disks of points written into it straight from flat
 * arrays: packed, sealed and mapped as the format says, in one thread and
 * without the backup pipeline.  For tests of what reads; asserts on failure.
 */
#ifndef ADE_TESTS_LIB_POINTWRITER_H
#define ADE_TESTS_LIB_POINTWRITER_H

#include "fs/vault/map.h"
#include "fs/vault/point.h"
#include "fs/vault/vault.h"

#define WRITTEN_VM_ID "0123456789abcdef"

/* A disk as it was written, and all that a child needs to build on it. */
struct written {
	struct point_disk disk;
	uint8_t *data, *whole;		/* its bytes; for each chunk what a PATCH would build on */
	struct map_entry *entry;	/* one a chunk */
	uint64_t chunks;
};

struct vault *test_vault(struct store *taken);		/* a new vault in that store */

/* Write size bytes; parent (may be NULL): what is equal is taken from it, what
 * is near becomes PATCH. */
void write_disk(struct vault *v, const uint8_t *data, uint64_t size, uint32_t chunk_size,
		const struct written *parent, struct written *out);
void written_release(struct written *w);

extern const struct point written_nowhere;	/* a point of that VM that has no manifest */
/* Put a manifest, always of the same point, whose one disk is d (no parts of it
 * are owned); session: which of its manifests. */
struct point *write_point(struct vault *v, const struct point_disk *d, uint8_t session);

/* Pages over n entries at ascending chunk numbers; *top is the top page. */
void write_map(struct vault *v, uint64_t chunks, uint32_t chunk_size, const uint64_t *number,
	       const struct map_entry *entry, size_t n, struct chunk_ref *top);

#endif
