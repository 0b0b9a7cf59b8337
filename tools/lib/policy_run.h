/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run of a vault's policies: the backups that are due, several at once,
 * each a job; then, once a day, the prune.
 */
#ifndef ADE_TOOLS_LIB_POLICY_RUN_H
#define ADE_TOOLS_LIB_POLICY_RUN_H

#include "fs/policy/due.h"
#include "tools/lib/backup_source.h"

#include <signal.h>

/* What came of an item. */
struct run_item {
	const struct due_item *due;	/* borrowed */
	bool tried, busy;		/* busy: somebody else was at it, or had made it meanwhile */
	struct job_record job;		/* tried: as it ended */
};

struct policy_run {
	struct vault *vault;
	const char *address;		/* the vault's, as it was given */
	const struct options *options;
	const struct report *report;
	const struct backup_keys *keys;
	unsigned parallel;
	volatile sig_atomic_t *interrupted;
	struct due_list due;		/* owned */
	struct run_item *item;		/* owned; in the order in which they are due */
	size_t n;
	struct job_record prune;	/* pruned: the job */
	bool pruned;
};

/* Look what is due.  Zeroed before but for what is borrowed. */
int policy_run_plan(struct policy_run *r, struct error *err);
void policy_run_backups(struct policy_run *r);
/* When it is due.  0 or -errno with words. */
int policy_run_prune(struct policy_run *r, struct error *err);
void policy_run_clear(struct policy_run *r);

static inline void policy_run_clear_cleanup(struct policy_run *r) { policy_run_clear(r); }

#endif
