/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON texts of protected items and of policies, as the vault keeps them, and Azure's of a policy. */
#include "fs/policy/policy_text.h"
#include "fs/vault/item.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_item(const struct jval *doc)
{
	__attribute__((cleanup(item_clear_cleanup))) struct item it = { .number = 0 }, back = { .number = 0 };
	AUTO(jval_free) struct jval *again = NULL;

	if (item_from_json(doc, &it, NULL) < 0)
		return;
	again = item_to_json(&it);
	if (!again || item_from_json(again, &back, NULL) < 0 || back.n_disks != it.n_disks || strcmp(back.vm, it.vm) ||
	    back.state != it.state || back.delete_after != it.delete_after)
		abort();
}

/* Whatever it says: a next time is found, it comes after, and it is on a half hour of some clock. */
static void try_policy(const struct jval *doc)
{
	__attribute__((cleanup(policy_clear_cleanup))) struct policy p = { .number = 0 }, back = { .number = 0 };
	AUTO(jval_free) struct jval *again = NULL;
	char words[512];
	int64_t slot;

	if (policy_from_json(doc, &p, NULL) < 0)
		return;
	again = policy_to_json(&p);
	slot = policy_slot_after(&p, 1900000000);
	policy_schedule_words(&p, words, sizeof(words));
	policy_retention_words(&p, words, 16);
	if (!again || policy_from_json(again, &back, NULL) < 0 || back.minute != p.minute || slot <= 1900000000 ||
	    policy_slot_after(&back, 1900000000) != slot || policy_next_due(&p, 0, slot) != slot)
		abort();
}

/* What is taken from Azure and stands the check goes back to Azure and comes again. */
static void try_azure(const struct jval *doc)
{
	__attribute__((cleanup(policy_clear_cleanup))) struct policy p = { .number = 0 }, back = { .number = 0 };
	AUTO(jval_free) struct jval *again = NULL;

	if (policy_from_azure(doc, &p, NULL) < 0)
		return;
	snprintf(p.name, sizeof(p.name), "p");
	if (policy_check(&p, NULL) < 0)
		return;
	again = policy_to_azure(&p, 1900000000);
	if (!again || policy_from_azure(again, &back, NULL) < 0 || back.frequency != p.frequency ||
	    back.rules.daily.count != p.rules.daily.count || back.rules.yearly.months != p.rules.yearly.months)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(jval_free) struct jval *doc = jval_parse(data, size, NULL);

	try_item(doc);
	try_policy(doc);
	try_azure(doc);
	return 0;
}
