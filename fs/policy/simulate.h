/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a policy will do: its backups of the next days, and which points die
 * when and why.  A calculation without a vault; points that are to come count
 * as good and proven ones.
 */
#ifndef ADE_FS_POLICY_SIMULATE_H
#define ADE_FS_POLICY_SIMULATE_H

#include "fs/policy/policy.h"

enum simulated_kind { SIMULATED_BACKUP, SIMULATED_DEATH, SIMULATED_ALIVE };

struct simulated {
	enum simulated_kind kind;
	int64_t when;				/* seconds since 1970 */
	const struct retained_point *point;	/* with words and expires; borrowed for the call */
};

typedef void simulated_fn(void *arg, const struct simulated *s);

/* points[n]: those there are (time, order, sound, proven, held, retain_until,
 * unreadable).  last: as policy_next_due() takes it.  Told in the order of
 * time, at the end all that live, oldest first.  0, -EINVAL (until is before
 * now, or too far: 120,000 backups), -ENOMEM. */
int policy_simulate(const struct policy *p, const struct retained_point *points, size_t n, int64_t last, int64_t now,
		    int64_t until, simulated_fn *fn, void *arg, struct error *err);

#endif
