/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/util/json.h"
#include "tools/adebackup/policy_cmd.h"
#include "tools/lib/vault_opening.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

extern const struct command cmd_policy_create, cmd_policy_edit, cmd_policy_show, cmd_policy_list, cmd_policy_delete;

static bool is_told(const struct invocation *in)
{
	return !in->report->json && !in->report->quiet;
}

static int finish(const struct invocation *in, struct vault *v, const struct policy *p)
{
	struct error err = ERROR_INIT;
	json_t *vms;

	if (policy_users(v, p->name, &vms, &err) < 0) {
		json_decref(vms);
		return report_error(in->report, &err);
	}
	if (is_told(in)) {
		policy_print(p);
		for (size_t i = 0; i < json_array_size(vms); i++)
			printf("%s%s", i ? ", " : "  for      ", json_string_value(json_array_get(vms, i)));
		printf("%s", json_array_size(vms) ? "\n" : "");
	}
	return report_result(in->report, policy_json(p, vms));
}

/* A new one begins as the default one, or Azure's enhanced one, but for the name. */
static int begin(struct policy *p, const struct invocation *in, struct error *err)
{
	const char *name = in->operands[1];
	uint64_t number = p->next;
	int rc = options_has(in->options, OPT_ENHANCED) ? policy_enhanced(p, err) : policy_default(p, err);

	if (rc < 0)
		return rc;
	p->next = number;
	if (strlen(name) >= sizeof(p->name))
		return error_set(err, EINVAL, "'%.40s…' is too long for a policy's name", name);
	snprintf(p->name, sizeof(p->name), "%s", name);
	return 0;
}

static int find_free(struct vault *v, const char *name, struct policy *p, struct error *err)
{
	int rc = policy_get(v, name, p, err);

	if (rc == -ENOENT || rc == -EBADMSG) {
		error_clear(err);
		return 0;
	}
	if (rc < 0)
		return rc;
	error_set(err, EEXIST, "the vault has a policy '%.63s'", name);
	error_next(err, "Change it: adebackup policy edit VAULT %.63s …", name);
	return -EEXIST;
}

static int change(const struct invocation *in, bool create)
{
	__attribute__((cleanup(policy_clear_cleanup))) struct policy p = { .number = 0 };
	struct error err = ERROR_INIT;
	AUTO(vault_free) struct vault *v = vault_from_options(in->operands[0], in->options, &err);
	int rc = v ? 0 : -err.code;

	if (rc == 0)
		rc = create ? find_free(v, in->operands[1], &p, &err) : policy_get(v, in->operands[1], &p, &err);
	if (rc == 0 && create)
		rc = begin(&p, in, &err);
	if (rc == 0)
		rc = policy_apply_options(&p, in->options, &err);
	if (rc == 0)
		rc = policy_put(v, &p, &err);
	return rc < 0 ? report_error(in->report, &err) : finish(in, v, &p);
}

static int run_create(const struct invocation *in)
{
	return change(in, true);
}

static int run_edit(const struct invocation *in)
{
	return change(in, false);
}

static int print_azure(const struct invocation *in, const struct policy *p)
{
	AUTO(jval_free) struct jval *doc = policy_to_azure(p, time(NULL));
	AUTO(free) char *text = doc ? jval_print(doc, true) : NULL;
	struct error err = ERROR_INIT;

	if (!text) {
		error_set(&err, ENOMEM, "out of memory");
		return report_error(in->report, &err);
	}
	printf("%s\n", text);
	return EXIT_DONE;
}

static int run_show(const struct invocation *in)
{
	__attribute__((cleanup(policy_clear_cleanup))) struct policy p = { .number = 0 };
	struct error err = ERROR_INIT;
	AUTO(vault_free) struct vault *v = vault_from_options(in->operands[0], in->options, &err);

	if (!v || policy_get(v, in->n_operands > 1 ? in->operands[1] : POLICY_DEFAULT, &p, &err) < 0)
		return report_error(in->report, &err);
	return options_has(in->options, OPT_AZURE) ? print_azure(in, &p) : finish(in, v, &p);
}

static int run_list(const struct invocation *in)
{
	struct error err = ERROR_INIT;
	AUTO(vault_free) struct vault *v = vault_from_options(in->operands[0], in->options, &err);
	json_t *all = json_array(), *vms;
	struct policy *list = NULL;
	size_t n = 0;
	int rc = v ? policy_list(v, &list, &n, &err) : -err.code;

	for (size_t i = 0; i < n && rc == 0; i++) {
		rc = policy_users(v, list[i].name, &vms, &err);
		if (rc == 0 && is_told(in)) {
			policy_print(&list[i]);
			printf("  for      %zu VMs\n", json_array_size(vms));
		}
		json_array_append_new(all, policy_json(&list[i], vms));
	}
	policy_list_free(list, n);
	if (rc == 0)
		return report_result(in->report, json_pack("{s:o}", "policies", all));
	json_decref(all);
	return report_error(in->report, &err);
}

static int check_unused(struct vault *v, const char *name, struct error *err)
{
	json_t *vms;
	int rc = policy_users(v, name, &vms, err);

	if (rc == 0 && json_array_size(vms)) {
		error_set(err, EBUSY, "the policy '%s' is that of %zu VMs, %s among them", name, json_array_size(vms),
			  json_string_value(json_array_get(vms, 0)));
		error_next(err, "Give them another one first: adebackup protect VAULT VM --policy OTHER");
		rc = -EBUSY;
	}
	json_decref(vms);
	return rc;
}

static int run_delete(const struct invocation *in)
{
	struct error err = ERROR_INIT;
	AUTO(vault_free) struct vault *v = vault_from_options(in->operands[0], in->options, &err);
	const char *name = in->operands[1];

	if (!v || check_unused(v, name, &err) < 0 || policy_delete(v, name, &err) < 0)
		return report_error(in->report, &err);
	if (is_told(in))
		printf("policy %s is deleted\n", name);
	return report_result(in->report, json_pack("{s:s}", "name", name));
}

const struct command cmd_policy_create = {
	.name = "policy create", .operands = "VAULT NAME", .min = 2, .max = 2,
	.summary = "make a backup policy: when backups run, how long points live",
	.text = "Without options it is the default policy under another name: daily at 02:00 UTC, kept for 30 days. With "
		"--enhanced it is Azure's enhanced one: every 4 hours from 08:00, all points kept for 7 days, the last of a "
		"day for 180 days. --from-azure reads Azure's JSON of a policy; options beside it count for more.\n\n"
		"A standard policy runs daily, or weekly on the days of --on, at a half hour. Times are those of the zone, "
		"and follow its daylight saving. A point that several rules keep lives by the longest.",
	.example = "  adebackup policy create /backup gold --vault-key vault.key --at 01:30 --time-zone Europe/Madrid \\\n"
		   "      --retain-daily 30 --retain-weekly 12:Sunday --retain-monthly 60:first-Sunday\n"
		   "  adebackup policy create /backup from-azure --vault-key vault.key --from-azure policy.json",
	.groups = G_VAULT | G_POLICY, .run = run_create,
};

const struct command cmd_policy_edit = {
	.name = "policy edit", .operands = "VAULT NAME", .min = 2, .max = 2,
	.summary = "change a backup policy",
	.text = "What no option names stays. The change counts for points that are there already: those that a longer "
		"retention keeps stay, those that a shorter one does not keep go at the next prune. `policy simulate` with "
		"the same options says which. The name `default` stands for the vault's default policy.",
	.example = "  adebackup policy edit /backup gold --vault-key vault.key --retain-daily 60 --retain-yearly none",
	.groups = G_VAULT | G_POLICY, .run = run_edit,
};

const struct command cmd_policy_show = {
	.name = "policy show", .operands = "VAULT [NAME]", .min = 1, .max = 2,
	.summary = "what a backup policy says, by default that of the vault",
	.text = "Says when backups run, how long points live, and which VMs it is for; with --azure as the JSON that Azure's "
		"REST API and `az backup policy set` take.",
	.example = "  adebackup policy show /backup --vault-key vault.key\n"
		   "  adebackup policy show /backup gold --vault-key vault.key --azure >policy.json",
	.groups = G_VAULT | G_AZURE, .vault = true, .run = run_show,
};

const struct command cmd_policy_list = {
	.name = "policy list", .operands = "VAULT", .min = 1, .max = 1,
	.summary = "the backup policies of a vault",
	.text = "Lists all policies with what they say, and for how many VMs each is.",
	.example = "  adebackup policy list /backup --vault-key vault.key --json",
	.groups = G_VAULT, .vault = true, .run = run_list,
};

const struct command cmd_policy_delete = {
	.name = "policy delete", .operands = "VAULT NAME", .min = 2, .max = 2,
	.summary = "delete a backup policy that is for no VM",
	.text = "Refused while a VM has it. The default policy cannot be deleted; when it was changed, this brings it back "
		"as it was.",
	.example = "  adebackup policy delete /backup gold --vault-key vault.key",
	.groups = G_VAULT, .run = run_delete,
};
