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

/* Largest read that the kernel asks for at once. */
#define WORKER_BUFFER (1u << 20)

struct flights;

/* One a thread; what it needs to serve requests. */
struct worker;

/* deadline_s 0: none, and no watchdog.  Starts no thread. */
struct flights *flights_new(unsigned deadline_s, struct error *err);
void flights_free(struct flights *f);	/* stops the watchdog; every worker has ended */

/* Start the watchdog, after daemonizing.  0 or -errno. */
int flights_watch(struct flights *f, struct error *err);

/* The calling thread's worker, made at its first request and freed when the
 * thread ends.  NULL: no memory. */
struct worker *flights_worker(struct flights *f);

/* WORKER_BUFFER bytes, page-aligned. */
void *worker_buffer(struct worker *w);

/* Announce; then land: true when it is ours to answer, false when it has been
 * answered and `req` is gone. */
void worker_take_off(struct worker *w, fuse_req_t req);
bool worker_land(struct worker *w);

DEFINE_CLEANUP(struct flights *, flights_free);

#endif
