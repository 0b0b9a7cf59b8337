/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that are being worked on, so that none waits for ever.  A worker
 * announces a request before it does what may block; whoever lands it first
 * answers it: the worker, or the watchdog with EIO once the deadline has
 * passed.  The worker may then stay blocked as long as it likes; its late
 * result is dropped.
 *
 * Cost for the worker: two stores and one compare-and-swap, no lock.
 *
 * States of a flight, in the low bits; the rest counts up so that a flight is
 * never taken for an earlier one of the same worker:
 *	IDLE -> (worker) ACTIVE -> (worker | watchdog) IDLE
 */
#ifndef ADE_FS_MOUNT_FLIGHT_H
#define ADE_FS_MOUNT_FLIGHT_H

#include "crypto/cleanup.h"
#include "crypto/error.h"

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Largest read that the kernel asks for at once. */
#define WORKER_BUFFER (1u << 20)

/* A request that waits for its turn.  Whoever lands another one runs it; once
 * the deadline has passed the watchdog answers it and drops it. */
struct parked {
	struct parked *next;
	fuse_req_t req;
	int64_t since_ms;		/* filled by flights_enter() */
	void (*run)(struct parked *p);	/* by a worker; frees p */
	void (*drop)(struct parked *p);	/* req has been answered; frees p */
};

struct flights;

/* One a thread; what it needs to serve requests. */
struct worker;

/* deadline_s 0: none, and no watchdog.  at_once: how many requests may block at
 * the same time, so that there are threads left for those that need no store.
 * Starts no thread. */
struct flights *flights_new(unsigned deadline_s, unsigned at_once, struct error *err);
void flights_free(struct flights *f);	/* stops the watchdog; every worker has ended */

/* Start the watchdog, after daemonizing.  0 or -errno. */
int flights_watch(struct flights *f, struct error *err);

/* The calling thread's worker, made at its first request and freed when the
 * thread ends.  NULL: no memory. */
struct worker *flights_worker(struct flights *f);

/* Around what may block.  try: true when it may be done now.  enter, after try
 * said no: true when it may be done now after all (p is still the caller's),
 * false when p is parked.  leave: what the caller is to run next, in its turn
 * and still within, or NULL. */
bool flights_try(struct flights *f);
bool flights_enter(struct flights *f, struct parked *p);
struct parked *flights_leave(struct flights *f);

/* Requests that were answered because their deadline had passed. */
uint64_t flights_late(const struct flights *f);

/* WORKER_BUFFER bytes, page-aligned. */
void *worker_buffer(struct worker *w);

/* Announce; then land: true when it is ours to answer, false when it has been
 * answered and `req` is gone. */
void worker_take_off(struct worker *w, fuse_req_t req);
void worker_take_off_parked(struct worker *w, const struct parked *p);	/* its time has run since it was parked */
bool worker_land(struct worker *w);

DEFINE_CLEANUP(struct flights *, flights_free);

#endif
