/* SPDX-License-Identifier: Apache-2.0 */
/* Small helpers that several tests share: a reproducible random generator. */
#ifndef ADE_TESTS_LIB_TESTLIB_H
#define ADE_TESTS_LIB_TESTLIB_H

#include <stddef.h>
#include <stdint.h>

/* splitmix64: the same sequence for the same seed on every machine. */
struct test_random { uint64_t state; };

uint64_t test_random_next(struct test_random *r);
uint64_t test_random_below(struct test_random *r, uint64_t limit);	/* limit 0: 0 */
void test_random_fill(struct test_random *r, void *buf, size_t len);

/* $TEST_SEED, else drawn from the clock; printed to stderr under `name`. */
struct test_random test_random_seeded(const char *name);

#endif
