/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests of prune share: a vault in a store with its own clock, backups of
 * two small disks, and prunes that keep the last few points.
 */
#ifndef ADE_TESTS_LIB_PRUNEFIXTURE_H
#define ADE_TESTS_LIB_PRUNEFIXTURE_H

#include "fs/policy/prune.h"
#include "tests/lib/backupfixture.h"
#include "tests/lib/clockstore.h"

#define DAY 86400
#define WORLD_BEGIN 1900000000

struct world {
	struct clockstore *clock;
	struct fixture *f;
};

/* What the last prune did. */
struct pruned {
	uint64_t kept, expired, deleted, in_use, later, back;
	struct collect_result collect;
	struct compact_result compact;
	char note[256];
	int rc;
	struct error err;
};

/* n points, an hour apart, each disk changed between them. */
void world_open(struct world *w, struct test_random *r, unsigned n);
void world_close(struct world *w);
void world_back_up(struct world *w, struct test_random *r);
/* The same vault over another store; forgets nothing of what is expected. */
struct pruned world_prune(struct clockstore *c, struct fixture *f, unsigned keep_last, bool compact, bool dry);
/* Prunes and days until nothing is left to do; the newest keep_last points are expected from then on. */
void world_settle(struct world *w, unsigned keep_last);
/* Verify finds no fault. */
void world_verify(struct clockstore *c, struct fixture *f);

#endif
