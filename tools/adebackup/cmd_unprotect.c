/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/policy/policy.h"
#include "fs/vault/point.h"
#include "tools/adebackup/command.h"
#include "tools/lib/vault_opening.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

extern const struct command cmd_unprotect, cmd_undelete, cmd_items;

static bool is_told(const struct invocation *in)
{
	return !in->report->json && !in->report->quiet;
}

static json_t *time_json(int64_t time)
{
	char text[POINT_TIME_TEXT] = "";

	if (time)
		point_time_text(time, text);
	return json_string(text);
}

static int set_state(struct vault *v, struct item *it, enum item_state state, struct error *err)
{
	int rc = store_now(vault_store(v), &it->since, err);

	it->state = state;
	it->delete_after = state == ITEM_DELETED ? it->since + ITEM_SOFT_DELETE_SECONDS : 0;
	return rc ? rc : item_put(v, it, 1, err);
}

static int finish(const struct invocation *in, const struct item *it)
{
	char until[POINT_TIME_TEXT] = "";

	if (it->delete_after)
		point_time_text(it->delete_after, until);
	if (is_told(in) && it->state == ITEM_DELETED)
		printf("%s is soft-deleted: its points go after %s; until then `adebackup undelete` takes it back\n", it->vm, until);
	else if (is_told(in))
		printf("protection of %s is stopped: no more backups, its points stay; `adebackup protect` resumes\n", it->vm);
	return report_result(in->report, json_pack("{s:s,s:s,s:s,s:s}", "vm", it->vm, "state", item_state_name(it->state),
						   "policy", it->policy, "delete_after", until));
}

static int run_unprotect(const struct invocation *in)
{
	__attribute__((cleanup(item_clear_cleanup))) struct item it = { .number = 0 };
	bool keep = options_has(in->options, OPT_KEEP), delete = options_has(in->options, OPT_DELETE);
	struct error err = ERROR_INIT;
	AUTO(vault_free) struct vault *v = NULL;

	if (keep == delete) {
		error_set(&err, EINVAL, "what is to become of its points?");
		error_next(&err, "--keep leaves them for ever; --delete lets them go after 14 days.");
		return report_error(in->report, &err);
	}
	v = vault_from_options(in->operands[0], in->options, &err);
	if (!v || item_get(v, in->operands[1], &it, &err) < 0)
		return report_error(in->report, &err);
	if (it.state == ITEM_DELETED)
		item_deleted_error(it.vm, &err);
	if (err.code || set_state(v, &it, keep ? ITEM_STOPPED : ITEM_DELETED, &err) < 0)
		return report_error(in->report, &err);
	return finish(in, &it);
}

static int run_undelete(const struct invocation *in)
{
	__attribute__((cleanup(item_clear_cleanup))) struct item it = { .number = 0 };
	struct error err = ERROR_INIT;
	AUTO(vault_free) struct vault *v = vault_from_options(in->operands[0], in->options, &err);

	if (!v || item_get(v, in->operands[1], &it, &err) < 0)
		return report_error(in->report, &err);
	if (it.state != ITEM_DELETED)
		error_set(&err, EINVAL, "the VM '%s' is not soft-deleted, but %s", it.vm, item_state_name(it.state));
	if (err.code || set_state(v, &it, ITEM_STOPPED, &err) < 0)
		return report_error(in->report, &err);
	return finish(in, &it);
}

struct items {
	const struct invocation *in;
	struct vault *vault;
	struct item *list;
	size_t n;
	struct policy *policy;
	size_t n_policies;
	struct point_name *point;
	size_t n_points;
	int64_t now;
	json_t *out;
	bool damaged;
};

static void items_clear(struct items *s)
{
	item_list_free(s->list, s->n);
	policy_list_free(s->policy, s->n_policies);
	free(s->point);
	json_decref(s->out);
}

static const struct policy *policy_of(const struct items *s, const struct item *it)
{
	for (size_t i = 0; i < s->n_policies; i++)
		if (!strcmp(s->policy[i].name, it->policy))
			return &s->policy[i];
	return NULL;
}

static void add_item(struct items *s, const struct item *it)
{
	const struct policy *p = policy_of(s, it);
	size_t points = 0, encrypted = 0;
	int64_t last = 0, next = 0;
	json_t *disks = json_array();

	for (size_t i = 0; i < s->n_points; i++)
		if (!strcmp(s->point[i].vm_id, it->vm_id)) {
			points++;
			last = s->point[i].time > last ? s->point[i].time : last;
		}
	if (p && it->state == ITEM_PROTECTED)
		next = policy_next_due(p, last > it->since ? last : it->since, s->now);
	for (size_t i = 0; i < it->n_disks; i++) {
		encrypted += it->disk[i].encrypted;
		json_array_append_new(disks, json_pack("{s:s,s:s,s:b,s:s}", "name", it->disk[i].name, "source",
			it->disk[i].source, "encrypted", it->disk[i].encrypted, "encryption", it->disk[i].encryption));
	}
	if (is_told(s->in)) {
		char text[POINT_TIME_TEXT] = "-";

		if (last)
			point_time_text(last, text);
		printf("%-24s %-12s %-16s %4zu points  last %-16s  %zu disks, %zu encrypted\n", it->vm,
		       item_state_name(it->state), it->policy, points, text, it->n_disks, encrypted);
	}
	json_array_append_new(s->out, json_pack("{s:s,s:s,s:s,s:o,s:o,s:I,s:o,s:o,s:s,s:s,s:s,s:o}", "vm", it->vm, "state",
		item_state_name(it->state), "policy", it->policy, "since", time_json(it->since), "delete_after",
		time_json(it->delete_after), "points", (json_int_t)points, "last", time_json(last), "next", time_json(next),
		"region", it->region, "subscription", it->subscription, "os", it->os, "disks", disks));
}

static void add_unreadable(struct items *s, const struct item *it)
{
	struct error warning = ERROR_INIT;

	error_set(&warning, EBADMSG, "the record of a protected item is damaged: nothing of that VM expires");
	error_object(&warning, "item/%s.%llu", it->vm_id, (unsigned long long)it->number);
	error_next(&warning, "`adebackup protect` of that VM writes it anew.");
	report_warning(s->in->report, &warning);
	s->damaged = true;
}

static int load(struct items *s, struct error *err)
{
	int rc = item_list(s->vault, &s->list, &s->n, err);

	rc = rc ? rc : policy_list(s->vault, &s->policy, &s->n_policies, err);
	rc = rc ? rc : point_list(s->vault, NULL, &s->point, &s->n_points, err);
	return rc ? rc : store_now(vault_store(s->vault), &s->now, err);
}

static int run_items(const struct invocation *in)
{
	__attribute__((cleanup(items_clear))) struct items s = { .in = in, .out = json_array() };
	struct error err = ERROR_INIT;
	AUTO(vault_free) struct vault *v = vault_from_options(in->operands[0], in->options, &err);
	int said;

	s.vault = v;
	if (!v || load(&s, &err) < 0)
		return report_error(in->report, &err);
	for (size_t i = 0; i < s.n; i++) {
		if (s.list[i].unreadable)
			add_unreadable(&s, &s.list[i]);
		else
			add_item(&s, &s.list[i]);
	}
	said = report_result(in->report, json_pack("{s:O}", "items", s.out));
	return said ? said : s.damaged ? EXIT_DAMAGED : EXIT_DONE;
}

const struct command cmd_unprotect = {
	.name = "unprotect", .operands = "VAULT VM", .min = 2, .max = 2,
	.summary = "stop protecting a VM; its points stay, or go after 14 days",
	.text = "With --keep there are no more backups, and its points stay for ever, whatever the policy says. With --delete "
		"the VM is soft-deleted: its points can be neither mounted nor restored, and after 14 days the next prune "
		"lets them go, but for those that are held. Until then `undelete` takes the VM back.",
	.example = "  adebackup unprotect /backup web1 --keep --vault-key vault.key\n"
		   "  adebackup unprotect /backup web1 --delete --vault-key vault.key",
	.groups = G_VAULT | G_UNPROTECT, .run = run_unprotect,
};

const struct command cmd_undelete = {
	.name = "undelete", .operands = "VAULT VM", .min = 2, .max = 2,
	.summary = "take a soft-deleted VM back",
	.text = "Its points can be used again and stay for ever; there are no backups until `protect` resumes them.",
	.example = "  adebackup undelete /backup web1 --vault-key vault.key",
	.groups = G_VAULT, .run = run_undelete,
};

const struct command cmd_items = {
	.name = "items", .operands = "VAULT", .min = 1, .max = 1,
	.summary = "the VMs that a vault protects",
	.text = "Lists them with their state, policy, points, the newest point and disks; with --json also when the next backup "
		"is due.",
	.example = "  adebackup items /backup --vault-key vault.key",
	.groups = G_VAULT, .vault = true, .run = run_items,
};
