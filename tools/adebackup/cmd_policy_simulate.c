/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/policy/simulate.h"
#include "fs/vault/hold.h"
#include "fs/vault/point.h"
#include "tools/adebackup/policy_cmd.h"
#include "tools/lib/vault_opening.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DAY 86400
#define DAYS_MAX 20000u

extern const struct command cmd_policy_simulate;

struct simulating {
	const struct invocation *in;
	struct vault *vault;
	struct policy policy;
	struct hold *holds;
	size_t n_holds;
	int64_t now, until;
	const char *vm;		/* whose are told; "": of no VM */
	json_t *out;
};

static void simulating_clear(struct simulating *s)
{
	policy_clear(&s->policy);
	free(s->holds);
	json_decref(s->out);
}

static void on_event(void *arg, const struct simulated *e)
{
	static const char *const kinds[] = { "backup", "expires", "lives" };
	static const char *const signs[] = { "+", "-", "=" };
	struct simulating *s = arg;
	char when[POINT_TIME_TEXT], point[POINT_TIME_TEXT], expires[POINT_TIME_TEXT] = "";

	point_time_text(e->when, when);
	point_time_text(e->point->time, point);
	if (e->kind != SIMULATED_BACKUP && e->point->expires != INT64_MAX)
		point_time_text(e->point->expires, expires);
	if (!s->in->report->json && !s->in->report->quiet)
		printf("%s  %s %s%s%s\n", when, signs[e->kind], point, e->point->words[0] ? "  " : "", e->point->words);
	json_array_append_new(s->out, json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "vm", s->vm, "when", when, "what",
						kinds[e->kind], "point", point, "reason", e->point->words, "expires",
						expires));
}

/* The VM's points as they stand; one that is damaged counts as one that cannot be read. */
static int load(struct simulating *s, const char *vm_id, struct retained_point **out, size_t *n, struct error *err)
{
	AUTO(free) struct point_name *names = NULL;
	int rc = point_list(s->vault, vm_id, &names, n, err);

	*out = rc == 0 ? calloc(*n + 1, sizeof(**out)) : NULL;
	if (rc == 0 && !*out)
		return error_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < *n && rc == 0; i++) {
		struct retained_point *r = &(*out)[i];
		struct point *p = NULL;

		rc = point_read(s->vault, &names[i], &p, err);
		*r = (struct retained_point){ .time = names[i].time, .order = names[i].time, .unreadable = rc < 0 };
		if (rc == -EBADMSG || rc == -ESTALE) {
			error_clear(err);
			rc = 0;
			continue;
		}
		if (rc < 0)
			break;
		r->time = p->store_time;
		r->retain_until = p->retain_until;
		r->sound = true;
		r->proven = p->proof == PROOF_PROVEN;
		r->held = hold_has(s->holds, s->n_holds, vm_id, names[i].id);
		point_free(p);
	}
	return rc;
}

static int simulate_vm(struct simulating *s, const char *vm, struct error *err)
{
	AUTO(free) struct retained_point *points = NULL;
	char vm_id[VM_ID_TEXT];
	int64_t last = s->now;
	size_t n = 0;
	int rc = 0;

	s->vm = vm;
	if (*vm) {
		if (vault_vm_id(s->vault, vm, vm_id) < 0)
			return error_set(err, ENOKEY, "the vault is open without its keys");
		rc = load(s, vm_id, &points, &n, err);
		if (!s->in->report->json && !s->in->report->quiet)
			printf("%s: %zu points\n", vm, n);
	}
	return rc ? rc : policy_simulate(&s->policy, points, n, last, s->now, s->until, on_event, s, err);
}

/* Each VM that has the policy, or that which is named, or none: from an empty vault. */
static int simulate(struct simulating *s, struct error *err)
{
	json_t *vms = NULL;
	int rc = 0;

	if (s->in->n_operands > 2)
		return simulate_vm(s, s->in->operands[2], err);
	rc = policy_users(s->vault, s->policy.name, &vms, err);
	if (rc == 0 && !json_array_size(vms))
		rc = simulate_vm(s, "", err);
	for (size_t i = 0; i < json_array_size(vms) && rc == 0; i++)
		rc = simulate_vm(s, json_string_value(json_array_get(vms, i)), err);
	json_decref(vms);
	return rc;
}

static int prepare(struct simulating *s, struct error *err)
{
	uint64_t days = options_number(s->in->options, OPT_DAYS, 90);
	int rc = policy_get(s->vault, s->in->operands[1], &s->policy, err);

	if (!days || days > DAYS_MAX)
		return error_set(err, EINVAL, "--days takes a number from 1 to %u", DAYS_MAX);
	rc = rc ? rc : policy_apply_options(&s->policy, s->in->options, err);
	rc = rc ? rc : hold_list(s->vault, &s->holds, &s->n_holds, err);
	rc = rc ? rc : store_now(vault_store(s->vault), &s->now, err);
	s->until = s->now + (int64_t)days * DAY;
	return rc;
}

static int run(const struct invocation *in)
{
	__attribute__((cleanup(simulating_clear))) struct simulating s = { .in = in, .out = json_array() };
	struct error err = ERROR_INIT;
	AUTO(vault_free) struct vault *v = vault_from_options(in->operands[0], in->options, &err);
	json_t *vms;

	s.vault = v;
	if (!v || prepare(&s, &err) < 0 || simulate(&s, &err) < 0)
		return report_error(in->report, &err);
	if (policy_users(v, s.policy.name, &vms, &err) < 0) {
		json_decref(vms);
		return report_error(in->report, &err);
	}
	return report_result(in->report, json_pack("{s:o,s:O,s:I,s:I}", "policy", policy_json(&s.policy, vms), "events", s.out,
						   "from", (json_int_t)s.now, "until", (json_int_t)s.until));
}

const struct command cmd_policy_simulate = {
	.name = "policy simulate", .operands = "VAULT NAME [VM]", .min = 2, .max = 3,
	.summary = "which points a policy will make, keep and let go in the next days, and why",
	.text = "For each VM that has the policy, or for VM alone, from its points as they are; where no VM has it, from an "
		"empty vault. A line begins with the time: + is a backup, - a point that expires, with the rule by which it "
		"lived; at the end = is each point that lives, with the rule that keeps it. Nothing is changed.\n\n"
		"With the options of `policy edit` it says what that change would do.",
	.example = "  adebackup policy simulate /backup gold web1 --vault-key vault.key --days 365\n"
		   "  adebackup policy simulate /backup gold --vault-key vault.key --retain-daily 7",
	.groups = G_VAULT | G_POLICY | G_SIMULATE, .run = run,
};
