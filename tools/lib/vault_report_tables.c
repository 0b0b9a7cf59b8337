/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/size_text.h"
#include "tools/lib/vault_report_private.h"

#include <string.h>


static void cell(FILE *f, const char *label, const char *kind)
{
	fprintf(f, "<td data-l=\"%s\"%s%s%s><span>", label, *kind ? " class=\"" : "", kind, *kind ? "\"" : "");
}

static void end_cell(FILE *f)
{
	fputs("</span></td>", f);
}

static void text_cell(FILE *f, const char *label, const char *text)
{
	cell(f, label, "");
	report_put(f, text);
	end_cell(f);
}

static void time_cell(FILE *f, const char *label, int64_t time)
{
	cell(f, label, "n");
	report_time(f, time);
	end_cell(f);
}

static void begin_table(FILE *f, const char *title, const char *const *heads, size_t n)
{
	fprintf(f, "<h2>%s</h2>\n<div class=\"box\"><table><thead><tr>", title);
	for (size_t i = 0; i < n; i++)
		fprintf(f, "<th>%s</th>", heads[i]);
	fputs("</tr></thead><tbody>\n", f);
}

static const char *colour(enum job_state s)
{
	switch (s) {
	case JOB_COMPLETED: return "green";
	case JOB_WARNINGS: return "amber";
	case JOB_FAILED: return "red";
	default: return "info";
	}
}

/* One sign a day, told apart without colours too. */
static void put_days(FILE *f, const struct report_vm *m)
{
	static const char *const signs[] = { "…", "✓", "!", "✗", "…", "○" };

	cell(f, "14 days", "days");
	for (size_t i = 0; i < REPORT_DAYS; i++)
		if (m->day_any[i])
			fprintf(f, "<i class=\"%s\" title=\"%u days ago: %s\">%s</i>", colour(m->day[i]),
				(unsigned)(REPORT_DAYS - 1 - i), job_state_name(m->day[i]), signs[m->day[i]]);
		else
			fputs("<span class=\"soft\">·</span>", f);
	end_cell(f);
}

static void put_state(FILE *f, const struct report_vm *m)
{
	const struct due_item *d = m->item;
	bool red = d && ((d->state == DUE_NEVER && d->item.state == ITEM_PROTECTED) || d->failures);

	cell(f, "state", "");
	fprintf(f, "<span class=\"state %s\">", !d ? "info" : red ? "red" : "green");
	if (!d)
		fputs("not protected", f);
	else if (d->state == DUE_RUNNING)
		fputs("backing up", f);
	else
		report_put(f, d->item.unreadable ? "record damaged" : d->failures ? "failing" : item_state_name(d->item.state));
	fputs("</span>", f);
	end_cell(f);
}

static void put_proof(FILE *f, const struct report_vm *m)
{
	cell(f, "opens", "");
	if (!m->points)
		fputs("–", f);
	else
		fprintf(f, "<span class=\"state %s\">%s</span>", m->damaged ? "red" : m->proven ? "green" : "amber",
			m->damaged ? "damaged" : m->proven ? "proven" : "not proven");
	end_cell(f);
}

static void put_items(FILE *f, const struct vault_report *r)
{
	static const char *const heads[] = { "VM", "state", "policy", "last point", "opens", "points", "disks", "next", "14 days" };

	begin_table(f, "VMs", heads, sizeof(heads) / sizeof(heads[0]));
	for (size_t i = 0; i < r->n_vms; i++) {
		const struct report_vm *m = &r->vm[i];
		bool next = m->item && m->item->state != DUE_NEVER;

		fputs("<tr>", f);
		cell(f, "VM", "name");
		report_put(f, m->vm);
		end_cell(f);
		put_state(f, m);
		text_cell(f, "policy", m->item && m->item->item.policy[0] ? m->item->item.policy : "–");
		time_cell(f, "last point", m->last);
		put_proof(f, m);
		cell(f, "points", "n");
		fprintf(f, "%zu", m->points);
		end_cell(f);
		cell(f, "disks", "n");
		fputs(m->points ? size_text(m->disk_bytes).text : "–", f);
		end_cell(f);
		time_cell(f, "next", next ? m->item->slot : 0);
		put_days(f, m);
		fputs("</tr>\n", f);
	}
	fputs("</tbody></table></div>\n<p class=\"soft\">One sign a day, today last: ✓ completed, ! with warnings, ✗ failed, ○ cancelled, "
	      "· none. Times are UTC.</p>\n", f);
}

static void put_policies(FILE *f, const struct vault_report *r)
{
	static const char *const heads[] = { "policy", "when", "kept", "VMs" };

	begin_table(f, "Policies", heads, sizeof(heads) / sizeof(heads[0]));
	for (size_t i = 0; i < r->due.n_policies; i++) {
		const struct policy *p = &r->due.policy[i];
		char when[256], kept[512];
		size_t n = 0;

		for (size_t k = 0; k < r->due.n; k++)
			n += r->due.item[k].policy == p && r->due.item[k].item.state == ITEM_PROTECTED;
		policy_schedule_words(p, when, sizeof(when));
		policy_retention_words(p, kept, sizeof(kept));
		fputs("<tr>", f);
		text_cell(f, "policy", p->name);
		text_cell(f, "when", when);
		text_cell(f, "kept", kept);
		cell(f, "VMs", "n");
		fprintf(f, "%zu", n);
		end_cell(f);
		fputs("</tr>\n", f);
	}
	fputs("</tbody></table></div>\n", f);
}

static void put_job_words(FILE *f, const struct job_record *j)
{
	cell(f, "", "");
	if (j->state == JOB_FAILED) {
		report_put(f, j->code);
		fputs(j->code[0] ? ": " : "", f);
		report_put(f, j->error.text);
		fputs(j->error.next[0] ? " <span class=\"soft\">" : "", f);
		report_put(f, j->error.next);
		fputs(j->error.next[0] ? "</span>" : "", f);
	} else if (j->n_warnings) {
		report_put(f, j->warning[0].text);
	} else if (!job_has_ended(j) && job_percent(j) >= 0) {
		fprintf(f, "%d %%", job_percent(j));
	} else if (j->operation == JOB_BACKUP && j->new_bytes) {
		fprintf(f, "%s new", size_text(j->new_bytes).text);
	}
	end_cell(f);
}

static void put_duration(FILE *f, int64_t seconds)
{
	long long s = seconds;

	if (s >= 3600)
		fprintf(f, "%lld h %02lld min", s / 3600, s % 3600 / 60);
	else if (s >= 60)
		fprintf(f, "%lld min %02lld s", s / 60, s % 60);
	else
		fprintf(f, "%lld s", s);
}

static void put_jobs(FILE *f, const struct vault_report *r)
{
	static const char *const heads[] = { "begun", "job", "VM", "state", "took", "" };

	begin_table(f, "Jobs", heads, sizeof(heads) / sizeof(heads[0]));
	for (size_t i = 0; i < r->n_jobs && i < REPORT_JOBS; i++) {
		const struct job_record *j = &r->job[i];
		int64_t took = (j->ended ? j->ended : j->seen) - j->begun;

		fputs("<tr>", f);
		time_cell(f, "begun", j->begun);
		text_cell(f, "job", job_operation_name(j->operation));
		text_cell(f, "VM", j->vm[0] ? j->vm : "(vault)");
		cell(f, "state", "");
		fprintf(f, "<span class=\"state %s\">%s</span>", colour(j->state), job_state_name(j->state));
		end_cell(f);
		cell(f, "took", "n");
		put_duration(f, took > 0 ? took : 0);
		end_cell(f);
		put_job_words(f, j);
		fputs("</tr>\n", f);
	}
	fputs("</tbody></table></div>\n", f);
	if (r->all_jobs > REPORT_JOBS)
		fprintf(f, "<p class=\"soft\">The newest %u of %zu; adebackup jobs list shows all.</p>\n", REPORT_JOBS, r->all_jobs);
}

void report_tables(FILE *f, const struct vault_report *r)
{
	put_items(f, r);
	report_plot(f, r);
	put_policies(f, r);
	put_jobs(f, r);
}
