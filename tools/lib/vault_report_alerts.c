/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/vault_report_private.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#define LATE_SECONDS (2 * 3600)		/* Azure Backup begins a job within two hours of its time */
#define PRUNE_LATE (3 * 86400)
#define VERIFY_LATE (30 * 86400)
#define RECENT (7 * 86400)
#define POINTS_MAX 9999u		/* of an item, in Azure */

const char *report_level_name(enum report_level level)
{
	static const char *const names[] = { "red", "amber", "info" };

	return names[level];
}

__attribute__((format(printf, 4, 5)))
static void alert(struct vault_report *r, enum report_level level, const char *vm, const char *fmt, ...)
{
	struct report_alert *a;
	va_list args;

	if (!r->alert)
		return;
	a = &r->alert[r->n_alerts++];
	a->level = level;
	snprintf(a->vm, sizeof(a->vm), "%s", vm);
	va_start(args, fmt);
	vsnprintf(a->text, sizeof(a->text), fmt, args);
	va_end(args);
}

static void about_backups(struct vault_report *r, const struct report_vm *m)
{
	const struct due_item *d = m->item;
	const struct job_record *j = m->last_job;
	char many[16] = "";
	int64_t late;

	if (d->state == DUE_NEVER && d->item.state == ITEM_PROTECTED)
		alert(r, REPORT_RED, m->vm, "is never backed up: %s", d->why);
	if (d->state == DUE_NEVER && d->item.state == ITEM_DELETED)
		alert(r, REPORT_INFO, m->vm, "is deleted; its points go when the soft delete ends");
	if (d->state == DUE_NEVER)
		return;
	if (d->failures > 1)
		snprintf(many, sizeof(many), " %u", d->failures);
	if (d->failures)
		alert(r, REPORT_RED, m->vm, "its last%s backup%s by policy failed%s%.60s%s%.200s", many, *many ? "s" : "",
		      j && j->code[0] ? "; " : "", j ? j->code : "", j && j->error.text[0] ? ": " : "", j ? j->error.text : "");
	late = r->due.now - policy_slot_after(d->policy, d->last > d->item.since ? d->last : d->item.since);
	if (d->state == DUE_NOW && late > LATE_SECONDS)
		alert(r, REPORT_RED, m->vm, "was due %lld hours ago and has not been backed up: does the timer run?",
		      (long long)(late / 3600));
	if (!m->points && !d->failures && d->state != DUE_NOW)
		alert(r, REPORT_INFO, m->vm, "waits for its first backup");
}

static void about_vm(struct vault_report *r, const struct report_vm *m)
{
	if (m->damaged)
		alert(r, REPORT_RED, m->vm, "its newest recovery point cannot be read: adebackup verify tells more");
	if (m->item)
		about_backups(r, m);
	else
		alert(r, REPORT_INFO, m->vm, "has recovery points, but no policy protects it");
	if (m->points && !m->damaged && !m->proven)
		alert(r, REPORT_AMBER, m->vm, "its newest point is not proven to open: %.300s", m->proof_words);
	if (m->last_job && m->last_job->state == JOB_WARNINGS && m->last_job->n_warnings && m->proven)
		alert(r, REPORT_AMBER, m->vm, "its last backup warned: %.300s", m->last_job->warning[0].text);
	if (m->points > POINTS_MAX)
		alert(r, REPORT_INFO, m->vm, "has %zu points; Azure Backup keeps at most %u of an item", m->points, POINTS_MAX);
}

static void about_vault(struct vault_report *r)
{
	int64_t now = r->due.now;
	bool seen[4] = { false };

	for (size_t i = 0; i < r->n_jobs && now - r->job[i].begun < RECENT; i++) {
		const struct job_record *j = &r->job[i];

		if (j->operation == JOB_BACKUP || seen[j->operation])
			continue;
		seen[j->operation] = true;
		if (j->state == JOB_FAILED)
			alert(r, j->operation == JOB_VERIFY ? REPORT_RED : REPORT_AMBER, j->vm, "the last %s failed: %.300s",
			      job_operation_name(j->operation), j->error.text);
	}
	if (r->due.n && r->pruned && now - r->pruned > PRUNE_LATE)
		alert(r, REPORT_AMBER, "", "no point has been let expire for %lld days", (long long)((now - r->pruned) / 86400));
	if (r->points && !r->verified)
		alert(r, REPORT_INFO, "", "the vault has never been verified whole");
	else if (r->points && now - r->verified > VERIFY_LATE)
		alert(r, REPORT_INFO, "", "no whole verify for %lld days", (long long)((now - r->verified) / 86400));
}

static int worst_first(const void *va, const void *vb)
{
	const struct report_alert *a = va, *b = vb;

	return a->level != b->level ? (int)a->level - (int)b->level : strcmp(a->vm, b->vm);
}

int vault_report_alerts(struct vault_report *r, struct error *err)
{
	r->alert = calloc(8 * r->n_vms + 8, sizeof(*r->alert));
	if (!r->alert)
		return error_set(err, ENOMEM, "out of memory");
	about_vault(r);
	for (size_t i = 0; i < r->n_vms; i++)
		about_vm(r, &r->vm[i]);
	if (r->n_alerts)
		qsort(r->alert, r->n_alerts, sizeof(*r->alert), worst_first);
	return 0;
}
