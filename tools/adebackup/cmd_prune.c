/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/policy/item_rules.h"
#include "fs/policy/prune.h"
#include "tools/adebackup/command.h"
#include "tools/lib/jobs.h"
#include "tools/lib/progress.h"
#include "tools/lib/size_text.h"
#include "tools/lib/vault_opening.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define KEEP_MAX 100000u

struct job {
	const struct invocation *in;
	struct zone *zone;
	struct retention rules;		/* of VMs that are no items */
	struct item_rules items;
	struct progress progress;
	struct job_run *run;
	bool dry;
};

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

static void job_clear(struct job *j)
{
	zone_free(j->zone);
	item_rules_clear(&j->items);
}

static int take_rules(struct job *j, struct error *err)
{
	const struct { enum option_id id; unsigned *to; } counts[] = {
		{ OPT_KEEP_LAST, &j->rules.keep.last }, { OPT_KEEP_DAILY, &j->rules.keep.daily },
		{ OPT_KEEP_WEEKLY, &j->rules.keep.weekly }, { OPT_KEEP_MONTHLY, &j->rules.keep.monthly },
		{ OPT_KEEP_YEARLY, &j->rules.keep.yearly },
	};
	const char *zone = options_get(j->in->options, OPT_TIME_ZONE);

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		uint64_t n = options_number(j->in->options, counts[i].id, 0);

		if (options_has(j->in->options, counts[i].id) && (!n || n > KEEP_MAX))
			return error_set(err, EINVAL, "--%s takes a number from 1 to %u", option_defs[counts[i].id].name,
					 KEEP_MAX);
		*counts[i].to = (unsigned)n;
	}
	if (zone && !(j->zone = zone_open(zone, err)))
		return -err->code;
	j->rules.zone = j->zone;
	return 0;
}

/* An item by its state and policy, the others by the --keep options. */
static int rules_of(void *arg, const char *vm_id, struct retention *out, struct error *err)
{
	struct job *j = arg;

	(void)err;
	if (!item_rules_of(&j->items, vm_id, out))
		*out = j->rules;
	return 0;
}

static int tell(void *arg, uint64_t done, uint64_t total)
{
	struct job *j = arg;

	progress_tell(&j->progress, done, total, UINT64_MAX);
	return interrupted ? -EINTR : job_run_progress(j->run, done, total, 0);
}

static json_t *point_json(const struct prune_point *q)
{
	const struct inventory_point *m = q->manifest;
	char time[POINT_TIME_TEXT], expires[POINT_TIME_TEXT] = "";

	point_time_text(m->time, time);
	if (q->decision.expires != INT64_MAX)
		point_time_text(q->decision.expires, expires);
	return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:b,s:b,s:s}", "vm", m->vm, "point", m->id, "time", time, "fate",
			 prune_fate_name(q->fate), "reason", q->decision.words, "expires", expires, "held",
			 q->decision.held, "proven", m->proven, "fault", m->fault);
}

static json_t *result_json(const struct job *j, const struct prune_result *r)
{
	json_t *points = json_array();
	const struct collect_result *c = &r->collect;

	for (size_t i = 0; i < r->n_points; i++)
		json_array_append_new(points, point_json(&r->point[i]));
	return json_pack("{s:b,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:s,s:{s:I,s:I,s:I,s:I,s:I,s:I,s:I},"
			 "s:{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}}",
		"dry_run", j->dry, "points", points, "kept", (json_int_t)r->kept, "expired", (json_int_t)r->expired,
		"deleted", (json_int_t)r->deleted, "in_use", (json_int_t)r->in_use, "later", (json_int_t)r->later,
		"brought_back", (json_int_t)r->brought_back, "records", (json_int_t)r->records, "note", r->note,
		"compact", "ran", (json_int_t)r->compacted, "segments", (json_int_t)r->compact.segments, "segment_bytes",
		(json_int_t)r->compact.segment_bytes, "live_bytes", (json_int_t)r->compact.live_bytes, "points",
		(json_int_t)r->compact.points, "copied_bytes", (json_int_t)r->compact.copied_bytes, "left",
		(json_int_t)r->compact.left,
		"collect", "unnamed", (json_int_t)c->unnamed, "unnamed_bytes", (json_int_t)c->unnamed_bytes, "young",
		(json_int_t)c->young, "deleted", (json_int_t)c->deleted, "deleted_bytes", (json_int_t)c->deleted_bytes,
		"denied", (json_int_t)c->denied, "waiting", (json_int_t)c->waiting, "sessions_ended",
		(json_int_t)c->sessions_ended);
}

static void print_points(const struct job *j, const struct prune_result *r)
{
	for (size_t i = 0; i < r->n_points; i++) {
		const struct prune_point *q = &r->point[i];
		char time[POINT_TIME_TEXT];

		if (q->fate == PRUNE_KEPT && !j->dry)
			continue;
		point_time_text(q->manifest->time, time);
		printf("%s@%s  %s  %-8s %s%s%s\n", q->manifest->vm, q->manifest->id, time, prune_fate_name(q->fate),
		       q->decision.words, q->manifest->fault[0] ? "; " : "", q->manifest->fault);
	}
}

static void print_result(const struct job *j, const struct prune_result *r)
{
	const struct collect_result *c = &r->collect;

	print_points(j, r);
	printf("%s%" PRIu64 " points kept, %" PRIu64 " expired, %" PRIu64 " deleted", j->dry ? "would be: " : "",
	       r->kept + r->brought_back + r->in_use, r->expired, r->deleted);
	if (r->in_use)
		printf(", %" PRIu64 " in use and left", r->in_use);
	if (r->brought_back)
		printf(", %" PRIu64 " brought back", r->brought_back);
	if (r->later)
		printf(", %" PRIu64 " that the store does not let go of yet", r->later);
	printf("\n");
	if (r->compacted)
		printf("%" PRIu64 " segments (%s) are more than half dead; %" PRIu64 " points %s\n", r->compact.segments,
		       size_text(r->compact.segment_bytes).text, r->compact.points, j->dry ? "to rewrite" : "rewritten");
	printf("%" PRIu64 " segments (%s) belong to no point", c->unnamed, size_text(c->unnamed_bytes).text);
	printf("; %" PRIu64 " (%s) deleted", c->deleted, size_text(c->deleted_bytes).text);
	if (c->young)
		printf(", %" PRIu64 " younger than a week", c->young);
	if (c->denied)
		printf(", %" PRIu64 " that the store does not let go of yet", c->denied);
	printf("\n");
}

static int finish(struct job *j, const struct prune_result *r)
{
	struct error note = ERROR_INIT;
	int said;

	if (r->note[0]) {
		error_set(&note, EBUSY, "%s", r->note);
		if (r->inventory->blocked[0])
			error_next(&note, "`adebackup verify` tells what is damaged, and --repair takes it out of the way.");
		else
			error_next(&note, "A later prune goes on from here; a session that is silent for a day is ended.");
		report_warning(j->in->report, &note);
		if (r->inventory->blocked[0])
			job_run_warn(j->run, &note);
	}
	if (!j->in->report->json && !j->in->report->quiet)
		print_result(j, r);
	said = report_result(j->in->report, result_json(j, r));
	return said ? said : r->inventory->blocked[0] ? EXIT_WARNINGS : EXIT_DONE;
}

static int prune_by_items(struct job *j, struct vault *v, const struct prune_options *o, struct prune_result *r,
			  struct error *err)
{
	int rc = item_rules_take(v, &j->items, err);

	*r = (struct prune_result){ .n_points = 0 };
	rc = rc ? rc : prune_run(v, o, r, err);
	return rc || j->dry ? rc : item_rules_forget(&j->items, r->inventory, &r->records, err);
}

static int prune(struct job *j, struct vault *v, struct error *err)
{
	struct prune_options o = { .rules = rules_of, .progress = tell, .arg = j, .dry = j->dry,
				   .compact = options_has(j->in->options, OPT_COMPACT),
				   .trust_clock = options_has(j->in->options, OPT_TRUST_CLOCK) };
	struct sigaction act = { .sa_handler = interrupt };
	struct prune_result r;
	char vm_id[VM_ID_TEXT];
	int rc = 0, code;

	if (j->in->n_operands > 1) {
		rc = vault_vm_id(v, j->in->operands[1], vm_id);
		o.vm_id = vm_id;
	}
	if (rc < 0)
		return report_error(j->in->report, (error_set(err, -rc, "the VM's id cannot be derived"), err));
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	if (!j->dry && job_begin_for(v, &(struct job_want){ .operation = JOB_PRUNE, .vm = o.vm_id ? j->in->operands[1] : NULL,
							   .task = "Expire and collect" }, &j->run, err) < 0)
		return report_error(j->in->report, err);
	progress_begin(&j->progress, j->in->options, "compact");
	rc = prune_by_items(j, v, &o, &r, err);
	progress_end(&j->progress);
	if (rc == 0 && o.vm_id && !r.n_points) {
		error_set(err, ENOENT, "the vault has no recovery point of a VM '%s'", j->in->operands[1]);
		rc = -ENOENT;
	}
	code = rc < 0 ? 0 : finish(j, &r);
	vault_last_words(v, rc < 0);
	rc = job_end_for(TAKE(j->run), j->in->options, j->in->report, rc, NULL, err);
	code = rc < 0 ? report_error(j->in->report, err) : code;
	prune_result_clear(&r);
	return code;
}

static int run(const struct invocation *in)
{
	__attribute__((cleanup(job_clear))) struct job j = { .in = in, .dry = options_has(in->options, OPT_DRY_RUN) };
	AUTO(vault_free) struct vault *v = NULL;
	struct error err = ERROR_INIT;

	if (take_rules(&j, &err) < 0 || !(v = vault_from_options(in->operands[0], in->options, &err)))
		return report_error(in->report, &err);
	return prune(&j, v, &err);
}

const struct command cmd_prune = {
	.name = "prune",
	.operands = "VAULT [VM]",
	.min = 1,
	.max = 2,
	.summary = "let recovery points expire, and delete what nobody needs any more",
	.text = "Decides for each point of VM, or of all, whether it is still to be kept; --dry-run says so with the "
		"reason. Points of a protected VM live by its policy as it is now; those of a VM whose protection is "
		"stopped stay, and those of a soft-deleted one go after 14 days. The --keep options are for VMs that are not "
		"protected; without any, only such points of theirs expire that were made with --retain-until. The newest "
		"good point of a VM never expires, nor does the newest proven one, nor a point that is held.\n\n"
		"A point that expires is hidden at once. It is deleted by a prune at least a day later, when that "
		"prune's own rules want it gone too and nobody mounts or restores it; rules that keep it bring it "
		"back until then. Data that no point needs is deleted when it is a week old and every backup that "
		"might use it has ended. All times are the store's, not this host's.\n\n"
		"Prune may run beside backups, mounts, restores and other prunes, and may be killed at any moment.",
	.example = "  adebackup prune /backup --vault-key vault.key --dry-run\n"
		   "  adebackup prune /backup --vault-key vault.key --keep-daily 30 --keep-monthly 12 --dry-run\n"
		   "  adebackup prune /backup web1 --vault-key vault.key --keep-last 7 --compact",
	.groups = G_VAULT | G_PRUNE | G_LONG | G_JOB,
	.vault = true,
	.run = run,
};
