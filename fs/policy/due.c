/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/policy/due.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *due_state_name(enum due_state s)
{
	static const char *const names[] = { "due", "later", "again later", "running", "never" };

	return names[s];
}

void due_list_clear(struct due_list *d)
{
	for (size_t i = 0; i < d->n; i++)
		item_clear(&d->item[i].item);
	free(d->item);
	policy_list_free(d->policy, d->n_policies);
	*d = (struct due_list){ .n = 0 };
}

static const struct policy *find_policy(const struct due_list *d, const char *name)
{
	for (size_t i = 0; i < d->n_policies; i++)
		if (!strcmp(d->policy[i].name, name))
			return &d->policy[i];
	return NULL;
}

static void never(struct due_item *i, const char *why)
{
	i->state = DUE_NEVER;
	snprintf(i->why, sizeof(i->why), "%s", why);
}

/* A failure is tried again after an hour; a death at once, but not for ever. */
static void after_failure(struct due_item *i, const struct job_past *p, int64_t now)
{
	int64_t again = p->failed + DUE_AGAIN_SECONDS;

	if (p->failed_begun < i->slot || (p->died && p->failures < DUE_DEATHS) || now >= again)
		return;
	i->state = DUE_AGAIN;
	i->slot = again;
}

static void judge(struct due_item *i, const struct job_past *p, int64_t now)
{
	int64_t from = i->item.since;

	if (i->item.unreadable)
		return never(i, "its record cannot be read");
	if (i->item.state != ITEM_PROTECTED)
		return never(i, item_state_name(i->item.state));
	if (!i->policy)
		return never(i, "its policy is not there");
	if (p) {
		i->last = p->done;
		i->failures = p->failures;
		from = p->done > from ? p->done : from;
	}
	i->slot = policy_next_due(i->policy, from, now);
	i->state = i->slot <= now ? DUE_NOW : DUE_LATER;
	if (p && p->running)
		i->state = DUE_RUNNING;
	else if (i->state == DUE_NOW && p && p->failures)
		after_failure(i, p, now);
}

/* A prune once a day; after a failure again in an hour. */
static int64_t prune_due(const struct job_past *p)
{
	if (!p)
		return 0;
	if (p->running)
		return INT64_MAX;
	if (p->died && p->failures < DUE_DEATHS)
		return 0;
	return p->failures ? p->failed + DUE_AGAIN_SECONDS : p->done ? p->done + DUE_PRUNE_SECONDS : 0;
}

int due_list_take(struct vault *v, struct due_list *out, struct error *err)
{
	AUTO(free) struct job_past *past = NULL;
	struct item *items = NULL;
	size_t n_past = 0, n = 0;
	int rc;

	*out = (struct due_list){ .n = 0 };
	rc = store_now(vault_store(v), &out->now, err);
	rc = rc < 0 ? rc : policy_list(v, &out->policy, &out->n_policies, err);
	rc = rc < 0 ? rc : job_past_list(v, &past, &n_past, err);
	rc = rc < 0 ? rc : item_list(v, &items, &n, err);
	if (rc == 0 && !(out->item = calloc(n + 1, sizeof(*out->item)))) {
		item_list_free(items, n);
		return error_set(err, ENOMEM, "out of memory");
	}
	out->prune = rc == 0 ? prune_due(job_past_find(past, n_past, JOB_WHOLE_VAULT)) : 0;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct due_item *d = &out->item[out->n++];

		d->item = items[i];
		d->policy = find_policy(out, d->item.policy);
		judge(d, job_past_find(past, n_past, d->item.vm_id), out->now);
	}
	if (rc == 0)
		free(items);		/* what is in them went over */
	return rc;
}
