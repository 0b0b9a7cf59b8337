/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/adebackup/command.h"
#include "tools/lib/jobs.h"
#include "tools/lib/vault_opening.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define WATCH_SECONDS 2

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

static int by_time(const void *va, const void *vb)
{
	const struct job_record *a = va, *b = vb;
	int c = (a->begun > b->begun) - (a->begun < b->begun);

	return c ? c : strcmp(a->vm_id, b->vm_id) ? strcmp(a->vm_id, b->vm_id) : (a->number > b->number) - (a->number < b->number);
}

static int take_list(struct vault *v, const char *vm, struct job_record **list, size_t *n, struct error *err)
{
	char vm_id[VM_ID_TEXT];

	if (vm && vault_vm_id(v, vm, vm_id) < 0)
		return error_set(err, EINVAL, "the VM's id cannot be derived");
	return job_list(v, vm ? vm_id : NULL, list, n, err);
}

static int run_list(const struct invocation *in)
{
	struct error err = ERROR_INIT;
	AUTO(vault_free) struct vault *v = vault_from_options_kept(in->operands[0], in->options, &err);
	AUTO(free) struct job_record *list = NULL;
	json_t *jobs;
	size_t n = 0;

	if (!v || take_list(v, in->n_operands > 1 ? in->operands[1] : NULL, &list, &n, &err) < 0)
		return report_error(in->report, &err);
	qsort(list, n, sizeof(*list), by_time);
	jobs = json_array();
	for (size_t i = 0; i < n; i++)
		if (in->report->json)
			json_array_append_new(jobs, job_json(&list[i]));
		else if (!in->report->quiet)
			job_print_line(&list[i]);
	return report_result(in->report, json_pack("{s:o}", "jobs", jobs));
}

/* An id, the beginning of one alone, or VM-NUMBER. */
static bool is_meant(const struct job_record *j, const char *text, bool *exact)
{
	char id[JOB_ID_TEXT], own[128 + 24];

	job_id(j, id);
	snprintf(own, sizeof(own), "%s-%llu", j->vm, (unsigned long long)j->number);
	*exact = !strcmp(text, id) || !strcmp(text, own);
	return *exact || !strncmp(text, id, strlen(text));
}

static int find(struct vault *v, const char *text, struct job_record *out, struct error *err)
{
	AUTO(free) struct job_record *list = NULL;
	size_t n = 0, found = 0;
	int rc = job_list(v, NULL, &list, &n, err);

	for (size_t i = 0; i < n && rc == 0; i++) {
		bool exact;

		if (!is_meant(&list[i], text, &exact))
			continue;
		*out = list[i];
		found++;
		if (exact)
			return 0;
	}
	if (rc < 0 || found == 1)
		return rc;
	error_set(err, ENOENT, found ? "'%.60s' may be one of several jobs" : "there is no job '%.60s'", text);
	error_next(err, "adebackup jobs list shows all, with their ids.");
	return -ENOENT;
}

static int show(const struct invocation *in, const struct job_record *j)
{
	if (!in->report->json && !in->report->quiet)
		job_print(j);
	return report_result(in->report, json_pack("{s:o}", "job", job_json(j)));
}

static int run_show(const struct invocation *in)
{
	struct error err = ERROR_INIT;
	AUTO(vault_free) struct vault *v = vault_from_options(in->operands[0], in->options, &err);
	struct job_record j;

	if (!v || find(v, in->operands[1], &j, &err) < 0)
		return report_error(in->report, &err);
	return show(in, &j);
}

static int run_cancel(const struct invocation *in)
{
	struct error err = ERROR_INIT;
	AUTO(vault_free) struct vault *v = vault_from_options(in->operands[0], in->options, &err);
	char id[JOB_ID_TEXT];
	struct job_record j;

	if (!v || find(v, in->operands[1], &j, &err) < 0 || job_cancel(v, &j, &err) < 0)
		return report_error(in->report, &err);
	job_id(&j, id);
	if (!in->report->json && !in->report->quiet) {
		printf("%s was asked to stop; adebackup jobs watch shows when it has\n", id);
		if (j.operation == JOB_BACKUP && j.n_tasks > 1)
			printf("(Azure Backup cancels a backup while the snapshot is taken alone; this one can be at any time.)\n");
	}
	return report_result(in->report, json_pack("{s:s}", "job", id));
}

static void tell(const struct invocation *in, const struct job_record *j)
{
	int percent = job_percent(j);

	if (in->report->json || in->report->quiet || job_has_ended(j))
		return;
	printf("%s  %s", job_state_name(j->state), j->n_tasks ? j->task[j->n_tasks - 1].name : "");
	if (percent >= 0)
		printf("  %d %%", percent);
	if (j->left >= 0)
		printf("  about %lld s left", (long long)j->left);
	printf("\n");
	fflush(stdout);
}

/* The job's own end is the command's. */
static int code_of(const struct job_record *j)
{
	return j->state == JOB_COMPLETED ? EXIT_DONE : j->state == JOB_WARNINGS ? EXIT_WARNINGS :
	       j->state == JOB_CANCELLED ? EXIT_INTERRUPTED : EXIT_OTHER;
}

static int finish_watch(const struct invocation *in, const struct job_record *j)
{
	json_t *o = json_pack("{s:o}", "job", job_json(j));
	int code = code_of(j), said;
	char id[JOB_ID_TEXT];

	job_id(j, id);
	if (!in->report->json && !in->report->quiet)
		job_print(j);
	if (j->state == JOB_FAILED || j->state == JOB_CANCELLED)
		json_object_set_new(o, "error", json_pack("{s:i,s:s,s:s,s:s}", "code", code, "object", id, "text",
			j->state == JOB_FAILED ? j->error.text : "the job was cancelled", "next", j->error.next));
	said = report_result(in->report, o);
	return said ? said : code;
}

static int run_watch(const struct invocation *in)
{
	struct error err = ERROR_INIT;
	AUTO(vault_free) struct vault *v = vault_from_options(in->operands[0], in->options, &err);
	struct sigaction act = { .sa_handler = interrupt };
	int64_t told = 0;
	struct job_record j;
	char id[JOB_ID_TEXT];

	if (!v || find(v, in->operands[1], &j, &err) < 0)
		return report_error(in->report, &err);
	job_id(&j, id);
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	while (!job_has_ended(&j) && !interrupted) {
		if (j.seen != told)
			tell(in, &j);
		told = j.seen;
		nanosleep(&(struct timespec){ .tv_sec = WATCH_SECONDS }, NULL);
		if (find(v, id, &j, &err) < 0)
			return report_error(in->report, &err);
	}
	if (interrupted && !job_has_ended(&j))
		return EXIT_INTERRUPTED;
	return finish_watch(in, &j);
}

const struct command cmd_jobs_list = {
	.name = "jobs list",
	.operands = "VAULT [VM]",
	.min = 1,
	.max = 2,
	.summary = "backups, restores, verifies and prunes, under way and past",
	.text = "Lists the jobs of VAULT, or of one VM, oldest first: id, when it began, what it does, its state, the "
		"VM. States are Azure Backup's: InProgress, Completed, CompletedWithWarnings, Failed, Cancelling, "
		"Cancelled. A job whose process ended without a word is Failed: at once on the host it ran on, "
		"elsewhere after a quarter of an hour. Records of jobs that ended are kept for 400 days.",
	.example = "  adebackup jobs list /backup --vault-key vault.key\n"
		   "  adebackup jobs list /backup web1 --vault-key vault.key --json",
	.groups = G_VAULT | G_LISTS,
	.vault = true,
	.run = run_list,
};

const struct command cmd_jobs_show = {
	.name = "jobs show",
	.operands = "VAULT JOB",
	.min = 2,
	.max = 2,
	.summary = "one job: its tasks, progress, warnings and error",
	.text = "Shows all that is known of JOB: an id, the beginning of one, or VM-NUMBER. An error has Azure "
		"Backup's code, where it has one for it, and what to do.",
	.example = "  adebackup jobs show /backup web1-12 --vault-key vault.key",
	.groups = G_VAULT,
	.vault = true,
	.run = run_show,
};

const struct command cmd_jobs_watch = {
	.name = "jobs watch",
	.operands = "VAULT JOB",
	.min = 2,
	.max = 2,
	.summary = "wait for a job's end",
	.text = "Tells how far JOB is, until it has ended. Ends with 0 when it completed, 3 with warnings, 130 when it "
		"was cancelled, 1 when it failed.",
	.example = "  adebackup jobs watch /backup web1-12 --vault-key vault.key",
	.groups = G_VAULT,
	.vault = true,
	.run = run_watch,
};

const struct command cmd_jobs_cancel = {
	.name = "jobs cancel",
	.operands = "VAULT JOB",
	.min = 2,
	.max = 2,
	.summary = "ask a job to stop",
	.text = "Asks JOB to stop; it does within seconds, on whichever host it runs, and is Cancelled then. A backup can "
		"be stopped until its recovery point is there, a restore until its data is written. A job that has "
		"ended cannot be.",
	.example = "  adebackup jobs cancel /backup web1-12 --vault-key vault.key",
	.groups = G_VAULT,
	.vault = true,
	.run = run_cancel,
};
