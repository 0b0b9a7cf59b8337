/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prune: points that a policy does not want any more leave the vault, and what
 * nobody needs then is deleted.  Every wait is one of store time: a point is
 * hidden at once, deleted a day later by a run whose own policy still wants it
 * gone and finds no reader on it, and its data goes by collection.
 * FORMAT.md, section "Protocol" (P1 to P3, C1 to C7).
 */
#ifndef ADE_FS_POLICY_PRUNE_H
#define ADE_FS_POLICY_PRUNE_H

#include "fs/backup/compact.h"
#include "fs/policy/retention.h"
#include "fs/vault/collect.h"

/* How long points of that VM live: *out is zeroed before; what it borrows must
 * outlive the run.  vm_id: its id, as in object names.  0 or -errno with words. */
typedef int prune_rules_fn(void *arg, const char *vm_id, struct retention *out, struct error *err);

struct prune_options {
	const char *vm_id;	/* points of that VM alone; NULL: all.  Collection is for the whole vault */
	prune_rules_fn *rules;
	int (*progress)(void *arg, uint64_t done, uint64_t total);	/* of compacting; may be NULL */
	void *arg;
	bool dry;		/* say what would be done */
	bool compact;
	bool trust_clock;	/* although the store's time jumped */
};

enum prune_fate {
	PRUNE_KEPT,
	PRUNE_IN_USE,		/* it would go, but somebody reads it */
	PRUNE_EXPIRES,		/* hidden by this run (dry: would be) */
	PRUNE_LEAVING,		/* hidden by an earlier one, less than a day ago */
	PRUNE_DELETED,		/* (dry: would be) */
	PRUNE_LATER,		/* the store does not let go of it yet */
	PRUNE_BACK,		/* it was hidden, this policy keeps it: shown again (dry: would be) */
	PRUNE_LOST,		/* likewise, but it is not whole any more */
};

struct prune_point {
	const struct inventory_point *manifest;	/* the one that counts; the result's, as it was before the collection */
	struct retained_point decision;
	enum prune_fate fate;
	size_t first, n;	/* all manifests of the point: inventory's [first, first + n), until the collection */
};

struct prune_result {
	struct inventory *inventory;	/* owned */
	struct prune_point *point;	/* owned; by VM and time */
	struct inventory_point *manifest;	/* owned; what the points' manifest is of */
	size_t n_points;
	uint64_t kept, expired, deleted, in_use, later, brought_back;
	uint64_t records;		/* of the dead, dropped */
	bool compacted;
	struct compact_result compact;
	struct collect_result collect;
	char note[256];			/* why something was not done; "": nothing to tell */
};

/* 0, or -errno with words; what was done until then stays done and the next
 * run goes on.  Release *out in either case. */
int prune_run(struct vault *v, const struct prune_options *o, struct prune_result *out, struct error *err);
void prune_result_clear(struct prune_result *r);
const char *prune_fate_name(enum prune_fate fate);

#endif
