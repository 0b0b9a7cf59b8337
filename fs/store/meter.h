/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store that counts what is asked of the one below and how long it takes.
 * Any number of threads; a request costs two clock readings and a few atomic
 * additions.
 */
#ifndef ADE_FS_STORE_METER_H
#define ADE_FS_STORE_METER_H

#include "fs/store/store.h"

#define METER_BUCKETS 128u

struct meter_stats {
	uint64_t gets, puts, stats, lists, removes;
	uint64_t bytes_in, bytes_out;	/* that gets brought, that puts took */
	uint64_t missing;		/* answers that the object is not there */
	uint64_t errors;		/* all other failures */
	unsigned now;			/* on the way */
	struct http_stats net;		/* what they took of the network */
	uint64_t took[METER_BUCKETS];	/* requests by the time they took */
	uint64_t longest_us;
};

/* Takes lower, on failure too; NULL is handed on.  NULL: ENOMEM. */
struct store *store_meter_new(struct store *lower_taken, struct error *err);

void store_meter_stats(struct store *st, struct meter_stats *out);	/* st: what store_meter_new() gave */
/* Microseconds within which that part (0.5: the median) of the requests was
 * answered, at most a fifth too many. */
uint64_t meter_quantile(const struct meter_stats *s, double part);

#endif
