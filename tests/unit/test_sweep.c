/* SPDX-License-Identifier: Apache-2.0 */
/* A restore's walk over an image: what is told as done has been visited, also when something failed. */
#include "fs/image/mem.h"
#include "fs/restore/sweep.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#define STEPS 12u

struct seen {
	_Atomic bool visited[STEPS];
	uint64_t fails;		/* offset; UINT64_MAX: none */
	uint64_t done;		/* the most that was told */
	bool early;		/* of a step that was not visited */
};

static int visit(void *arg, uint64_t off, uint64_t len, bool hole, void *buf)
{
	struct seen *s = arg;
	/* the one that fails takes longest: others are past it */
	struct timespec t = { .tv_nsec = off == s->fails ? 600000000 : 20000000 };

	(void)len, (void)hole, (void)buf;
	nanosleep(&t, NULL);
	if (off == s->fails)
		return -EIO;
	s->visited[off / SWEEP_STEP] = true;
	return 0;
}

static int tick(void *arg, uint64_t done)
{
	struct seen *s = arg;

	s->done = done > s->done ? done : s->done;
	for (uint64_t i = 0; i < done / SWEEP_STEP; i++)
		s->early |= !s->visited[i];
	return 0;
}

static int run(struct seen *s, uint64_t start, unsigned threads, uint64_t *failed_at)
{
	uint8_t *bytes = malloc((size_t)STEPS * SWEEP_STEP);
	struct blockdev *from;
	struct sweep w = { .start = start, .threads = threads, .visit = visit, .tick = tick, .arg = s };
	int rc;

	assert_non_null(bytes);
	memset(bytes, 1, (size_t)STEPS * SWEEP_STEP);
	w.from = from = mem_open(bytes, (size_t)STEPS * SWEEP_STEP, NULL);
	assert_non_null(from);
	rc = sweep_run(&w, failed_at);
	blockdev_unref(from);
	return rc;
}

static void a_step_that_failed_is_never_told_as_done(void **state)
{
	(void)state;
	for (unsigned threads = 1; threads <= 4; threads += 3)
		for (uint64_t fails = 0; fails < STEPS; fails += 5) {
			struct seen s = { .fails = fails * SWEEP_STEP };
			uint64_t at;

			assert_int_equal(run(&s, 0, threads, &at), -EIO);
			assert_int_equal(at, s.fails);
			assert_false(s.early);
			assert_true(s.done <= s.fails);
		}
}

static void without_a_failure_all_is_visited(void **state)
{
	struct seen s = { .fails = UINT64_MAX };
	uint64_t at;

	(void)state;
	assert_int_equal(run(&s, SWEEP_STEP, 3, &at), 0);
	assert_false(s.visited[0]);
	for (unsigned i = 1; i < STEPS; i++)
		assert_true(s.visited[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_step_that_failed_is_never_told_as_done),
		cmocka_unit_test(without_a_failure_all_is_visited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
