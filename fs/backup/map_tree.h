/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pages of a disk's new map.  Leaves come in any order and from any
 * thread; the levels above are built at the end.  A page whose bytes are
 * those of the parent's page at its place is not written again.
 * FORMAT.md, section "Map".
 */
#ifndef ADE_FS_BACKUP_MAP_TREE_H
#define ADE_FS_BACKUP_MAP_TREE_H

#include "fs/backup/parent_map.h"
#include "fs/backup/run.h"

struct map_tree;
/* r and parent (NULL: none) are borrowed; parent is used in map_tree_finish() alone. */
struct map_tree *map_tree_new(struct run *r, uint32_t chunk_size, unsigned levels, struct parent_map *parent,
			      struct error *err);
void map_tree_free(struct map_tree *t);

/* The leaf over entries[n], n <= MAP_FANOUT, that begins with chunk `first`;
 * parent: the calling thread's own, or NULL.  Counts what the entries refer to. */
int map_tree_leaf(struct map_tree *t, struct parent_map *parent, uint64_t first,
		  const struct map_entry *entries, unsigned n, struct error *err);

/* Once, when all leaves are there: the levels above, and the last segment is
 * put.  *has_top false: all zero.  *stored grows by the sealed bytes that the
 * map refers to. */
int map_tree_finish(struct map_tree *t, struct chunk_ref *top, bool *has_top, uint64_t *stored,
		    struct error *err);

DEFINE_CLEANUP(struct map_tree *, map_tree_free);

#endif
