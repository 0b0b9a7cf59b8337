/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When to try again, and how long to wait: exponential with jitter, never
 * past the deadline.  Pure arithmetic; the caller sleeps.
 */
#ifndef ADE_FS_NET_RETRY_H
#define ADE_FS_NET_RETRY_H

#include <stdbool.h>
#include <stdint.h>

struct retry {
	uint64_t deadline_ms;		/* on the monotonic clock */
	unsigned max_tries, tries;
	uint64_t random;
};

uint64_t clock_ms(void);		/* monotonic */
void sleep_ms(uint64_t ms);
unsigned ms_until(uint64_t end_ms);	/* of clock_ms(); at least 1 */

void retry_start(struct retry *r, unsigned max_tries, unsigned budget_ms);
uint64_t retry_left_ms(const struct retry *r);

/* Is this HTTP status worth another try? */
bool retry_status(int status);

/* After a failed try: milliseconds to wait before the next, or -1 when there
 * shall be none (tries used up, or it could not end in time).
 * retry_after_s < 0: the server did not say. */
int64_t retry_next(struct retry *r, int64_t retry_after_s);

#endif
