/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store behind a link: each request takes a round trip, bytes take their
 * time on a line that all requests share, and what was asked is counted.
 * It can also stop answering, as a network does that is cut.  Any number of
 * threads.
 */
#ifndef ADE_TESTS_LIB_SLOWSTORE_H
#define ADE_TESTS_LIB_SLOWSTORE_H

#include "fs/store/store.h"

struct slowstore;

struct slow_count {
	unsigned requests;
	unsigned in_a_row;	/* the longest chain in which each began after the one before had ended */
	uint64_t bytes;		/* that gets brought */
	unsigned most;		/* on the way at once */
};

/* round_trip_us: of each request; bytes_per_s 0: no limit.  Takes lower. */
struct slowstore *slowstore_new(struct store *lower_taken, unsigned round_trip_us, uint64_t bytes_per_s);
void slowstore_free(struct slowstore *s);
struct store *slowstore_share(struct slowstore *s);	/* freeing it leaves s alone */
struct store *slowstore_share_readonly(struct slowstore *s);	/* takes no objects */
void slowstore_set_line(struct slowstore *s, unsigned round_trip_us, uint64_t bytes_per_s);

void slowstore_reset(struct slowstore *s);		/* counts from here on */
struct slow_count slowstore_count(struct slowstore *s);
void slowstore_print(struct slowstore *s, bool on);	/* every request to standard error */

/* Cut: requests wait.  Healed: they go on; or end with that errno, those to come as well. */
void slowstore_cut(struct slowstore *s, bool cut);
void slowstore_fail(struct slowstore *s, int code);	/* 0: no longer */

#endif
