/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/net/retry.h"

#include <errno.h>
#include <limits.h>
#include <sys/random.h>
#include <time.h>

#define FIRST_WAIT_MS 800
#define LONGEST_WAIT_MS 20000

uint64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void sleep_ms(uint64_t ms)
{
	struct timespec t = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

unsigned ms_until(uint64_t end_ms)
{
	uint64_t now = clock_ms(), left = end_ms > now ? end_ms - now : 1;

	return left < UINT_MAX ? (unsigned)left : UINT_MAX;
}

void retry_start(struct retry *r, unsigned max_tries, unsigned budget_ms)
{
	*r = (struct retry){ .deadline_ms = clock_ms() + budget_ms, .max_tries = max_tries };
	if (getrandom(&r->random, sizeof(r->random), 0) != sizeof(r->random))
		r->random = clock_ms();
}

uint64_t retry_left_ms(const struct retry *r)
{
	uint64_t now = clock_ms();

	return now < r->deadline_ms ? r->deadline_ms - now : 0;
}

bool retry_status(int status)
{
	return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
	       status == 504;
}

int64_t retry_next(struct retry *r, int64_t retry_after_s)
{
	uint64_t wait;

	if (++r->tries >= r->max_tries)
		return -1;
	wait = r->tries < 8 ? (uint64_t)FIRST_WAIT_MS << (r->tries - 1) : LONGEST_WAIT_MS;
	if (wait > LONGEST_WAIT_MS)
		wait = LONGEST_WAIT_MS;
	r->random = r->random * 6364136223846793005ull + 1442695040888963407ull;
	wait = wait / 2 + (r->random >> 33) % (wait / 2 + 1);
	if (retry_after_s >= 0) {
		if (retry_after_s > 24 * 3600)
			return -1;
		if ((uint64_t)retry_after_s * 1000 > wait)
			wait = (uint64_t)retry_after_s * 1000;
	}
	return wait < retry_left_ms(r) ? (int64_t)wait : -1;
}
