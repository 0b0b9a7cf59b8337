/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From map entries to requests: which chunks are wanted, with the bases of
 * patches, in runs that lie next to each other in a segment.
 */
#ifndef ADE_FS_VAULT_FETCH_PLAN_H
#define ADE_FS_VAULT_FETCH_PLAN_H

#include "fs/vault/map.h"

#define FETCH_RUN_MAX (4u << 20)	/* bytes of one request */
#define RUN_CHUNKS_MAX 256u

/* A chunk to load; base: for PATCH, where that lies, else NULL; at: the first
 * entry that it is wanted for. */
struct want { const struct chunk_ref *ref, *base; size_t at; };

/* Chunks that one request brings, in the order in which they lie. */
struct run { const struct want *want; size_t n; };

struct fetch_plan {
	struct want *want;
	size_t n;
	struct run *run;		/* in the order in which they are needed, bases before patches */
	size_t n_runs;
};

/* True: this chunk need not be fetched. */
typedef bool fetch_skip_fn(void *arg, const struct chunk_ref *ref);

/* Of n entries, which are borrowed.  p is zeroed; release it on failure, too.  0 or -ENOMEM. */
int fetch_plan_make(struct fetch_plan *p, const struct map_entry *e, size_t n, fetch_skip_fn *skip, void *arg);
void fetch_plan_release(struct fetch_plan *p);

#endif
