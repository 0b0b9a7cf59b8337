/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/testlib.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t test_random_next(struct test_random *r)
{
	uint64_t z = (r->state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

uint64_t test_random_below(struct test_random *r, uint64_t limit)
{
	return limit ? test_random_next(r) % limit : 0;
}

void test_random_fill(struct test_random *r, void *buf, size_t len)
{
	unsigned char *p = buf;

	while (len) {
		uint64_t v = test_random_next(r);
		size_t n = len < sizeof(v) ? len : sizeof(v);

		memcpy(p, &v, n);
		p += n;
		len -= n;
	}
}

struct test_random test_random_seeded(const char *name)
{
	const char *given = getenv("TEST_SEED");
	struct timespec now;
	uint64_t seed;

	clock_gettime(CLOCK_REALTIME, &now);
	seed = given ? strtoull(given, NULL, 0)
		     : (uint64_t)now.tv_sec * 1000003u ^ (uint64_t)now.tv_nsec;
	fprintf(stderr, "%s: seed %llu\n", name, (unsigned long long)seed);
	return (struct test_random){ .state = seed };
}
