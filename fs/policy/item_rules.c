/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/policy/item_rules.h"

#include <string.h>

int item_rules_take(struct vault *v, struct item_rules *out, struct error *err)
{
	int rc;

	*out = (struct item_rules){ .n = 0 };
	rc = item_list(v, &out->item, &out->n, err);
	return rc ? rc : policy_list(v, &out->policy, &out->n_policies, err);
}

void item_rules_clear(struct item_rules *r)
{
	item_list_free(r->item, r->n);
	policy_list_free(r->policy, r->n_policies);
	*r = (struct item_rules){ .n = 0 };
}

const struct item *item_rules_find(const struct item_rules *r, const char *vm_id)
{
	for (size_t i = 0; i < r->n; i++)
		if (!strcmp(r->item[i].vm_id, vm_id))
			return &r->item[i];
	return NULL;
}

const struct policy *item_rules_policy(const struct item_rules *r, const char *name)
{
	for (size_t i = 0; i < r->n_policies; i++)
		if (!strcmp(r->policy[i].name, name))
			return &r->policy[i];
	return NULL;
}

bool item_rules_of(const struct item_rules *r, const char *vm_id, struct retention *out)
{
	const struct item *it = item_rules_find(r, vm_id);

	if (!it)
		return false;
	policy_retention(it->unreadable ? NULL : item_rules_policy(r, it->policy), it, out);
	return true;
}

static bool has_points(const struct inventory *inv, const char *vm_id)
{
	for (size_t i = 0; i < inv->n_points; i++)
		if (!strcmp(inv->point[i].vm_id, vm_id))
			return true;
	return false;
}

int item_rules_forget(const struct item_rules *r, const struct inventory *inv, uint64_t *n, struct error *err)
{
	int rc = 0;

	for (size_t i = 0; i < r->n && rc == 0; i++) {
		const struct item *it = &r->item[i];

		if (it->unreadable || it->state != ITEM_DELETED || it->delete_after > inv->now ||
		    has_points(inv, it->vm_id))
			continue;
		rc = item_forget(inv->vault, it->vm_id, err);
		*n += rc == 0;
	}
	return rc;
}
