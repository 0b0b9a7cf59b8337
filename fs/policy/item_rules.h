/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long the points of each VM of a vault live, by its items and policies as
 * they stand now: what a prune decides by.
 */
#ifndef ADE_FS_POLICY_ITEM_RULES_H
#define ADE_FS_POLICY_ITEM_RULES_H

#include "fs/policy/policy.h"
#include "fs/vault/inventory.h"

struct item_rules {
	struct item *item;	/* owned, by name */
	size_t n;
	struct policy *policy;	/* owned */
	size_t n_policies;
};

/* 0 or -errno with words; to be cleared in any case. */
int item_rules_take(struct vault *v, struct item_rules *out, struct error *err);
void item_rules_clear(struct item_rules *r);
static inline void item_rules_clear_cleanup(struct item_rules *r) { item_rules_clear(r); }

/* NULL: the VM is no item.  Borrowed. */
const struct item *item_rules_find(const struct item_rules *r, const char *vm_id);
/* NULL: there is none of that name, or it cannot be read. */
const struct policy *item_rules_policy(const struct item_rules *r, const char *name);

/* Fills *out for an item, which borrows from r; false, nothing filled: the VM is none. */
bool item_rules_of(const struct item_rules *r, const char *vm_id, struct retention *out);

/* Records of deleted items go when their time is over and inv shows no point
 * of theirs any more, hidden ones too.  *n is counted up. */
int item_rules_forget(const struct item_rules *r, const struct inventory *inv, uint64_t *n, struct error *err);

#endif
