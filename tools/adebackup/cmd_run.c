/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/point.h"
#include "tools/adebackup/command.h"
#include "tools/lib/endpoints.h"
#include "tools/lib/jobs.h"
#include "tools/lib/policy_run.h"
#include "tools/lib/size_text.h"
#include "tools/lib/vault_opening.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define PARALLEL_DEFAULT 2

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

struct counts {
	unsigned made, warned, failed, busy;
	int64_t next;		/* the next slot of any item; 0: none */
};

static bool is_good(const struct job_record *j)
{
	return j->state == JOB_COMPLETED || j->state == JOB_WARNINGS;
}

static void count(const struct policy_run *r, struct counts *c)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct run_item *t = &r->item[i];

		c->made += t->tried && is_good(&t->job);
		c->warned += t->tried && t->job.state == JOB_WARNINGS;
		c->busy += t->busy || t->due->state == DUE_RUNNING;
		c->failed += !t->busy && (t->tried || t->job.error.text[0]) && !is_good(&t->job);
		if ((t->due->state == DUE_LATER || t->due->state == DUE_AGAIN) && (!c->next || t->due->slot < c->next))
			c->next = t->due->slot;
	}
}

static void time_text(int64_t time, char out[POINT_TIME_TEXT])
{
	out[0] = '\0';
	if (time > 0)
		point_time_text(time, out);
}

static json_t *item_json(const struct run_item *t)
{
	char slot[POINT_TIME_TEXT], last[POINT_TIME_TEXT], id[JOB_ID_TEXT] = "";
	const struct due_item *d = t->due;

	time_text(d->slot, slot);
	time_text(d->last, last);
	if (t->tried)
		job_id(&t->job, id);
	return json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:s,s:b,s:s,s:s}", "vm", d->item.vm, "state", due_state_name(d->state), "slot",
			 slot, "last", last, "policy", d->item.policy, "failures", (json_int_t)d->failures, "why", d->why,
			 "busy", t->busy, "job", id, "status", t->tried ? job_state_name(t->job.state) : "");
}

static json_t *result_json(const struct policy_run *r, const struct counts *c)
{
	char next[POINT_TIME_TEXT];
	json_t *items = json_array(), *o;

	for (size_t i = 0; i < r->n; i++)
		json_array_append_new(items, item_json(&r->item[i]));
	time_text(c->next, next);
	o = json_pack("{s:o,s:I,s:I,s:I,s:b,s:s}", "items", items, "backed_up", (json_int_t)c->made, "failed",
		      (json_int_t)c->failed, "busy", (json_int_t)c->busy, "pruned", r->pruned && is_good(&r->prune), "next", next);
	if (c->failed)
		json_object_set_new(o, "error", json_pack("{s:i,s:s,s:s,s:s}", "code", EXIT_OTHER, "object", "", "text",
			"not every backup that was due could be made", "next", "adebackup jobs list shows why."));
	return o;
}

static void print_due(const struct due_item *d)
{
	char slot[POINT_TIME_TEXT];

	time_text(d->slot, slot);
	printf("%-24s %-11s %s  %s%s%s\n", d->item.vm, due_state_name(d->state), slot[0] ? slot : "-", d->item.policy,
	       d->why[0] ? "; " : "", d->why);
}

static void print_item(const struct run_item *t)
{
	const struct job_record *j = &t->job;

	if (t->busy)
		printf("%s: a backup of it is under way already\n", t->due->item.vm);
	else if (t->tried && is_good(j))
		printf("%s@%s  %s new%s\n", t->due->item.vm, j->point, size_text(j->new_bytes).text,
		       j->state == JOB_WARNINGS ? ", with warnings" : "");
	else if (t->tried || j->error.text[0])
		printf("%s: %s%s%s%s\n", t->due->item.vm, job_state_name(j->state), j->code[0] ? ", " : "", j->code,
		       j->state == JOB_FAILED ? ":" : "");
	if (!t->busy && j->state == JOB_FAILED && j->error.text[0])
		printf("  %s\n  next: %s\n", j->error.text, j->error.next);
}

static void print_result(const struct policy_run *r, const struct counts *c, bool dry)
{
	char next[POINT_TIME_TEXT];

	for (size_t i = 0; i < r->n; i++)
		if (dry)
			print_due(r->item[i].due);
		else
			print_item(&r->item[i]);
	time_text(c->next, next);
	if (!dry)
		printf("%u backed up, %u failed%s%s%s\n", c->made, c->failed, r->pruned ? ", pruned" : "",
		       next[0] ? "; next at " : "", next);
}

static int finish(const struct policy_run *r, bool dry)
{
	const struct report *report = r->report;
	struct counts c = { .made = 0 };
	int said;

	count(r, &c);
	if (!report->json && !report->quiet)
		print_result(r, &c, dry);
	said = report_result(report, result_json(r, &c));
	if (said)
		return said;
	return c.failed ? EXIT_OTHER : c.warned || (r->pruned && r->prune.state == JOB_WARNINGS) ? EXIT_WARNINGS : EXIT_DONE;
}

static int run(const struct invocation *in)
{
	__attribute__((cleanup(backup_keys_clear_cleanup))) struct backup_keys keys = { .keys = NULL };
	__attribute__((cleanup(policy_run_clear_cleanup))) struct policy_run r = {
		.address = in->operands[0], .options = in->options, .report = in->report, .keys = &keys,
		.interrupted = &interrupted,
		.parallel = (unsigned)options_number(in->options, OPT_PARALLEL, PARALLEL_DEFAULT),
	};
	struct error err = ERROR_INIT;
	AUTO(vault_free) struct vault *v = NULL;
	struct sigaction act = { .sa_handler = interrupt };
	bool dry = options_has(in->options, OPT_DRY_RUN);
	int rc = backup_keys_from_options(&keys, in->options, in->report, &err);

	r.vault = v = rc == 0 ? vault_from_options(in->operands[0], in->options, &err) : NULL;
	if (!v || policy_run_plan(&r, &err) < 0) {
		endpoints_explain(&err, in->operands[0], in->options, NULL);
		return report_error(in->report, &err);
	}
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	if (!dry)
		policy_run_backups(&r);
	if (!dry && !options_has(in->options, OPT_NO_PRUNE))
		rc = policy_run_prune(&r, &err);
	if (interrupted)
		rc = error_set(&err, EINTR, "interrupted; the next run makes what is left");
	return rc < 0 ? report_error(in->report, &err) : finish(&r, dry);
}

const struct command cmd_run = {
	.name = "run",
	.operands = "VAULT",
	.min = 1,
	.max = 1,
	.summary = "make the backups that policies want by now, and let points expire",
	.text = "Backs up every protected item of VAULT whose policy had a time for it since its last backup: once, "
		"however many it missed. Each is a job, --parallel at once; an item of which a backup is under way, "
		"here or on another host, is left alone. What failed is tried again after an hour, or at the next time "
		"of its policy. Once a day points expire by the policies, see `adebackup prune`. Points of VMs that are "
		"no items, and the newest good point of each, stay.\n\n"
		"It is to be called every quarter of an hour: by the systemd timer that comes with this program, or by "
		"cron. All times are the store's. Keys given to it prove that the disks open.\n\n"
		"Ends with 0 also when nothing was due, with 3 when there were warnings, with 1 when a backup failed. "
		"--dry-run tells what is due and when the rest will be.",
	.example = "  adebackup run /backup --vault-key vault.key --keys /keys --parallel 4\n"
		   "  adebackup run /backup --vault-key vault.key --dry-run",
	.groups = G_VAULT | G_KEYS | G_JOB | G_RUN,
	.vault = true,
	.run = run,
};
