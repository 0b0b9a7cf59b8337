/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run of a vault's policies has to do now: which items are due, by the
 * store's time, and which wait for what.
 */
#ifndef ADE_FS_POLICY_DUE_H
#define ADE_FS_POLICY_DUE_H

#include "fs/policy/job.h"
#include "fs/policy/policy.h"

#define DUE_AGAIN_SECONDS 3600	/* after a failure, if no new slot comes first */
#define DUE_PRUNE_SECONDS 84600	/* a prune every day: a run comes every quarter of an hour */
#define DUE_DEATHS 3u		/* so often one whose process died is tried again at once */

enum due_state {
	DUE_NOW,
	DUE_LATER,	/* its slot is still to come */
	DUE_AGAIN,	/* it failed; another try comes at `slot` */
	DUE_RUNNING,	/* a backup of it is under way */
	DUE_NEVER,	/* stopped, deleted, no such policy, or its record cannot be read */
};

struct due_item {
	struct item item;	/* owned */
	const struct policy *policy;	/* borrowed from the list; NULL: none */
	enum due_state state;
	int64_t slot;		/* store time: since when, or from when on, it is due; 0: never */
	int64_t last;		/* that its last scheduled backup that worked began; 0: none */
	unsigned failures;	/* since then */
	char why[128];		/* NEVER: words */
};

struct due_list {
	struct due_item *item;	/* by name */
	size_t n, n_policies;
	struct policy *policy;
	int64_t now;		/* store time of the look */
	int64_t prune;		/* store time from when on a prune is due: a day after the last */
};

/* 0 or -errno with words.  Release with due_list_clear() in either case. */
int due_list_take(struct vault *v, struct due_list *out, struct error *err);
void due_list_clear(struct due_list *d);
static inline void due_list_clear_cleanup(struct due_list *d) { due_list_clear(d); }

const char *due_state_name(enum due_state s);

#endif
