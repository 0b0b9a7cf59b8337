/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/azure/settings.h"
#include "fs/vault/capsule.h"
#include "tools/adebackup/command.h"
#include "tools/lib/backup_source.h"
#include "tools/lib/endpoints.h"
#include "tools/lib/item_backup.h"
#include "tools/lib/jobs.h"
#include "tools/lib/progress.h"
#include "tools/lib/seen.h"
#include "tools/lib/vault_opening.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define CONFIG_MAX (512u << 10)

struct job {
	const struct invocation *in;
	struct backup_disks disks;
	struct backup_keys keys;
	struct progress progress;
	struct item item;		/* vm "": the VM is no item */
	struct job_run *run;
	bool was_for_slots;		/* the VM's newest point so far is sealed for slots marked for capsules */
};

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

static void job_clear(struct job *j)
{
	backup_disks_clear(&j->disks);
	backup_keys_clear(&j->keys);
	item_clear(&j->item);
}

/* Those that are named, or those of the protected item. */
static int add_disks(struct job *j, struct error *err)
{
	if (options_has(j->in->options, OPT_DISK))
		return backup_disks_from_options(&j->disks, j->in->options, err);
	if (j->item.vm[0])
		return backup_disks_from_item(&j->disks, &j->item, j->in->options, err);
	error_set(err, EINVAL, "which disks? %.120s is no protected item", j->in->operands[1]);
	error_next(err, "Name each: --disk os=SOURCE --disk lun0=SOURCE …, or protect the VM first.");
	return -EINVAL;
}

static struct jval *read_config(const char *path, struct error *err)
{
	AUTO(secret_free) struct secret *text = keyfile_read(path, CONFIG_MAX, err);
	AUTO(jval_free) struct jval *doc =
		text ? azure_json_parse(secret_bytes(text), secret_len(text), err) : NULL;
	struct jval *kept;

	if (doc && !jval_is_object(doc) && !jval_is_array(doc)) {
		jval_free(TAKE(doc));
		error_set(err, EBADMSG, "the description of the VM is no JSON object");
	}
	kept = doc ? azure_redacted(doc) : NULL;
	if (doc && !kept)
		error_set(err, ENOMEM, "out of memory");
	if (!kept)
		error_object(err, "%s", path);
	return kept;
}

/* One description as it is; several, or a list, as Azure lists things.  What opens disks is left to the capsule. */
static struct jval *read_configs(const struct options *o, struct error *err)
{
	AUTO(jval_free) struct jval *list = jval_array(), *whole = jval_object();
	const char *path;

	for (size_t i = 0; (path = options_nth(o, OPT_VM_CONFIG, i)); i++) {
		struct jval *doc = read_config(path, err);

		if (!doc)
			return NULL;
		if (!i && !options_nth(o, OPT_VM_CONFIG, 1) && jval_is_object(doc))
			return doc;
		if (jval_append(list, doc) < 0)
			return error_null(err, ENOMEM, "out of memory");
	}
	if (jval_set(whole, "value", TAKE(list)) < 0)
		return error_null(err, ENOMEM, "out of memory");
	return TAKE(whole);
}

static int tell(void *arg, const struct backup_progress *p)
{
	struct job *j = arg;

	progress_tell(&j->progress, p->done_bytes, p->total_bytes, p->new_bytes);
	job_run_task(j->run, "Transfer data to vault");
	return interrupted ? -EINTR : job_run_progress(j->run, p->done_bytes, p->total_bytes, p->new_bytes);
}

static int prove(void *arg, struct vault *v, struct point *p, struct error *err)
{
	struct job *j = arg;
	int rc = backup_keys_prove(&j->keys, &j->disks, v, p, err);

	return rc ? rc : job_run_look(j->run);
}

static json_t *result_json(const struct point *p, const struct backup_result *r)
{
	char time[POINT_TIME_TEXT];
	json_t *disks = json_array();

	point_time_text(p->time, time);
	for (size_t i = 0; i < p->n_disks; i++)
		json_array_append_new(disks, json_pack("{s:s,s:I,s:I,s:I}", "name", p->disk[i].name, "size",
						       (json_int_t)p->disk[i].size, "stored_bytes",
						       (json_int_t)p->disk[i].stored_bytes, "new_bytes",
						       (json_int_t)p->disk[i].new_bytes));
	return json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:o}", "vm", p->vm, "point", p->id, "time", time, "proof",
			 p->proof == PROOF_PROVEN ? "proven" : "not proven", "proof_words", p->proof_words,
			 "read_bytes", (json_int_t)r->read_bytes, "new_bytes", (json_int_t)r->new_bytes, "disks",
			 disks);
}

static void look_at_newest(struct job *j, struct vault *v)
{
	AUTO(point_free) struct point *newest = NULL;
	struct point_name name;

	if (point_find(v, j->in->operands[1], "latest", &name, NULL) == 0 && point_read(v, &name, &newest, NULL) == 0)
		j->was_for_slots = capsule_is_for_slots(newest->capsule);
}

/* Nobody ordered that, unless he took the last slot for capsules away. */
static bool is_less_sealed(const struct job *j, const struct point *p, struct error *warning)
{
	if (!j->was_for_slots || capsule_is_for_slots(p->capsule) || !capsule_has_plain(p->capsule))
		return false;
	error_set(warning, EACCES, "the vault's own key opens this point's disks: no key of the vault is marked for "
		  "capsules any more, as one was for the point before");
	error_next(warning, "`adebackup key list` shows the keys; `adebackup key add … --for-capsules` adds one for later points.");
	return true;
}

static int finish(struct job *j, struct vault *v, const struct point *p, const struct backup_result *r)
{
	char time[POINT_TIME_TEXT];
	bool unproven = j->keys.keys && p->proof != PROOF_PROVEN;
	int code = unproven || j->keys.without_stores ? EXIT_WARNINGS : EXIT_DONE, said;
	struct error warning = ERROR_INIT;

	point_time_text(p->time, time);
	if (unproven) {
		error_set(&warning, ENOKEY, "the point is stored, but not proven: %s", p->proof_words);
		error_next(&warning, "Find the key that opens it before it is needed: adebackup inspect SOURCE --keys DIR");
		report_warning(j->in->report, &warning);
		job_run_warn(j->run, &warning);
	}
	error_clear(&warning);
	item_backup_note(v, p, j->in->report);
	if (is_less_sealed(j, p, &warning)) {
		report_warning(j->in->report, &warning);
		job_run_warn(j->run, &warning);
		code = EXIT_WARNINGS;
	}
	error_clear(&warning);
	if (seen_newer(v, p, true, &warning)) {
		report_warning(j->in->report, &warning);
		job_run_warn(j->run, &warning);
		code = EXIT_WARNINGS;
	}
	if (!j->in->report->json && !j->in->report->quiet)
		printf("%s@%s  %s  %.1f MiB new of %.1f MiB\n%s: %s\n", p->vm, p->id, time,
		       (double)r->new_bytes / (1 << 20), (double)r->read_bytes / (1 << 20),
		       p->proof == PROOF_PROVEN ? "proven" : "not proven", p->proof_words);
	said = report_result(j->in->report, result_json(p, r));
	return said ? said : code;
}

static int refused(struct job *j, struct error *err)
{
	endpoints_explain(err, j->in->operands[0], j->in->options, &j->item);
	return report_error(j->in->report, err);
}

static int back_up(struct job *j, struct vault *v, const struct backup_options *opts, struct error *err)
{
	AUTO(point_free) struct point *p = NULL;
	struct backup_result result = { .read_bytes = 0 };
	struct job_want want = { .operation = JOB_BACKUP, .vm = opts->vm, .task = "Take Snapshot" };
	struct sigaction act = { .sa_handler = interrupt };
	int rc, code;

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	if (job_begin_for(v, &want, &j->run, err) < 0)
		return refused(j, err);
	progress_begin(&j->progress, j->in->options, "backup");
	look_at_newest(j, v);
	rc = backup_run(v, j->disks.disk, j->disks.n, opts, &p, &result, err);
	progress_end(&j->progress);
	if (interrupted && rc < 0) {
		error_set(err, EINTR, "interrupted; nothing was committed");
		error_next(err, "The next backup goes on from what is stored already.");
	}
	if (rc == 0)
		job_run_point(j->run, p->id);
	code = rc == 0 ? finish(j, v, p, &result) : 0;
	vault_last_words(v, rc < 0);
	if (rc < 0)
		endpoints_explain(err, j->in->operands[0], j->in->options, &j->item);
	rc = job_end_for(TAKE(j->run), j->in->options, j->in->report, rc, NULL, err);
	return rc < 0 ? report_error(j->in->report, err) : code;
}

static int run(const struct invocation *in)
{
	__attribute__((cleanup(job_clear))) struct job j = { .in = in };
	AUTO(jval_free) struct jval *config = NULL;
	AUTO(vault_free) struct vault *v = NULL;
	struct backup_options opts = { .vm = in->operands[1], .progress = tell, .prove = prove, .arg = &j };
	struct error err = ERROR_INIT;
	const char *until = options_get(in->options, OPT_RETAIN_UNTIL);

	if (until && retain_until_parse(until, &opts.retain_until, &err) < 0)
		return report_error(in->report, &err);
	if (options_has(in->options, OPT_VM_CONFIG))
		opts.vm_config = config = read_configs(in->options, &err);
	if (err.code || backup_keys_from_options(&j.keys, in->options, in->report, &err) < 0 ||
	    !(v = vault_from_options(in->operands[0], in->options, &err)) ||
	    item_backup_take(v, in->operands[1], &j.item, &err) < 0 || add_disks(&j, &err) < 0)
		return refused(&j, &err);
	if (!opts.vm_config)
		opts.vm_config = j.item.vm_config;
	opts.threads = (unsigned)options_number(in->options, OPT_THREADS, 0);
	return back_up(&j, v, &opts, &err);
}

const struct command cmd_backup = {
	.name = "backup",
	.operands = "VAULT VM",
	.min = 2,
	.max = 2,
	.summary = "store the disks of a VM as a recovery point",
	.text = "Reads the disks of VM as they are stored, encrypted, and keeps them in VAULT as one "
		"recovery point: those of the protected item, or those that --disk names. Only what "
		"changed since the point before is stored. A backup that "
		"was cut is gone on with by the next.\n\n"
		"With keys (--bek, --keys, --keystore …) it proves that the disks open: each volume is "
		"unlocked and a file system must be seen. A point that could not be proven is kept, and "
		"the command ends with 3. Without keys the point is \"not proven\".",
	.example = "  adebackup backup /backup web1 --vault-key vault.key --disk os=osdisk.vhd --keys /keys\n"
		   "  adebackup backup /backup db1 --vault-key vault.key --disk os=/dev/sdb --disk lun0=/dev/sdc",
	.groups = G_VAULT | G_KEYS | G_BACKUP | G_LONG | G_JOB,
	.vault = true,
	.run = run,
};
