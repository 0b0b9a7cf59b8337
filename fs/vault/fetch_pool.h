/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that fetch, and the budget of what may be in flight: 32 MiB and 64
 * requests.  Threads are started when work waits for one, up to 64, and end
 * with the pool.  Work that a reader waits for goes before work ahead of
 * readers, in the queue and in the budget; the latter gets half the threads
 * and three quarters of the budget at most, so that it never holds up the former.
 *
 * All functions: any number of threads.
 */
#ifndef ADE_FS_VAULT_FETCH_POOL_H
#define ADE_FS_VAULT_FETCH_POOL_H

#include "crypto/cleanup.h"
#include "crypto/error.h"

#include <stdbool.h>
#include <stddef.h>

enum fetch_urgency { FETCH_DEMAND, FETCH_AHEAD };

/* First member of a job's struct. */
struct fetch_job {
	struct fetch_job *next;
	const void *owner;
	void (*run)(struct fetch_job *j);	/* in a thread of the pool; frees j */
	void (*drop)(struct fetch_job *j);	/* cancelled before it ran; frees j */
};

struct fetch_pool;

struct fetch_pool *fetch_pool_new(struct error *err);	/* NULL: ENOMEM */
void fetch_pool_free(struct fetch_pool *p);		/* every owner has cancelled */

/* False: it will not run (no thread to be had; or much waits already, AHEAD
 * alone); the job is still the caller's. */
bool fetch_pool_submit(struct fetch_pool *p, struct fetch_job *j, enum fetch_urgency u);

/* Drop the owner's queued jobs and wait for its running ones; it submits none now. */
void fetch_pool_cancel(struct fetch_pool *p, const void *owner);

/* Around a request for so many bytes, until they are unpacked and let go: begin
 * waits until it fits (one that is larger than the budget goes alone); join is
 * for who holds a claim that others wait for, and never waits.  answered: the
 * store is free for another request. */
void fetch_pool_begin(struct fetch_pool *p, size_t bytes, enum fetch_urgency u);
void fetch_pool_join(struct fetch_pool *p, size_t bytes);
void fetch_pool_answered(struct fetch_pool *p);
void fetch_pool_end(struct fetch_pool *p, size_t bytes);

DEFINE_CLEANUP(struct fetch_pool *, fetch_pool_free);

#endif
