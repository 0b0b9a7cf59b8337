/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/point.h"
#include "tools/lib/jobs.h"
#include "tools/lib/size_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void time_text(int64_t time, char out[POINT_TIME_TEXT])
{
	out[0] = '\0';
	if (time > 0)
		point_time_text(time, out);
}

static int64_t duration(int64_t begun, int64_t ended, int64_t seen)
{
	int64_t to = ended ? ended : seen;

	return to > begun ? to - begun : 0;
}

static json_t *tasks_json(const struct job_record *j)
{
	json_t *list = json_array();

	for (size_t i = 0; i < j->n_tasks; i++) {
		const struct job_task *t = &j->task[i];

		json_array_append_new(list, json_pack("{s:s,s:s,s:I}", "task", t->name, "status", job_state_name(t->state),
						      "duration_seconds", (json_int_t)duration(t->begun, t->ended, j->seen)));
	}
	return list;
}

static json_t *warnings_json(const struct job_record *j)
{
	json_t *list = json_array();

	for (size_t i = 0; i < j->n_warnings; i++)
		json_array_append_new(list, json_pack("{s:s,s:s}", "text", j->warning[i].text, "recommendation",
						      j->warning[i].next));
	return list;
}

json_t *job_json(const struct job_record *j)
{
	char id[JOB_ID_TEXT], begun[POINT_TIME_TEXT], ended[POINT_TIME_TEXT];
	json_t *o;

	job_id(j, id);
	time_text(j->begun, begun);
	time_text(j->ended, ended);
	o = json_pack("{s:s,s:s,s:s,s:s,s:s,s:b,s:s,s:s,s:I}", "job", id, "vm", j->vm, "operation",
		      job_operation_name(j->operation), "status", job_state_name(j->state), "point", j->point, "scheduled",
		      j->scheduled, "start_time", begun, "end_time", ended, "duration_seconds",
		      (json_int_t)duration(j->begun, j->ended, j->seen));
	json_object_set_new(o, "tasks", tasks_json(j));
	json_object_set_new(o, "warnings", warnings_json(j));
	json_object_set_new(o, "warnings_left_out", json_integer((json_int_t)j->more_warnings));
	json_object_set_new(o, "done_bytes", json_integer((json_int_t)j->done_bytes));
	json_object_set_new(o, "total_bytes", json_integer((json_int_t)j->total_bytes));
	json_object_set_new(o, "new_bytes", json_integer((json_int_t)j->new_bytes));
	json_object_set_new(o, "progress_percentage", json_integer(job_percent(j)));
	json_object_set_new(o, "estimated_remaining_seconds", json_integer((json_int_t)j->left));
	json_object_set_new(o, "cancellable", json_boolean(j->open && !j->dead && j->state == JOB_IN_PROGRESS));
	json_object_set_new(o, "host", json_string(j->host));
	json_object_set_new(o, "pid", json_integer((json_int_t)j->pid));
	if (j->state == JOB_FAILED)
		json_object_set_new(o, "failure", json_pack("{s:s,s:s,s:s}", "code", j->code, "text", j->error.text,
							    "recommendation", j->error.next));
	return o;
}

void job_print_line(const struct job_record *j)
{
	char id[JOB_ID_TEXT], begun[POINT_TIME_TEXT];
	int percent = job_percent(j);

	job_id(j, id);
	time_text(j->begun, begun);
	printf("%-22s  %s  %-8s %-22s %s", id, begun, job_operation_name(j->operation), job_state_name(j->state),
	       j->vm[0] ? j->vm : "(vault)");
	if (!job_has_ended(j) && percent >= 0)
		printf("  %d %%", percent);
	if (j->state == JOB_FAILED)
		printf("  %s%s%s", j->code, j->code[0] ? ": " : "", j->error.text);
	putchar('\n');
}

static void print_words(const char *kind, const struct job_words *w)
{
	printf("%s: %s\n", kind, w->text);
	if (w->next[0])
		printf("  next: %s\n", w->next);
}

static void print_amounts(const struct job_record *j)
{
	int percent = job_percent(j);

	if (j->total_bytes)
		printf("%s of %s", size_text(j->done_bytes).text, size_text(j->total_bytes).text);
	if (j->total_bytes && j->operation == JOB_BACKUP)
		printf(", %s new", size_text(j->new_bytes).text);
	if (j->total_bytes && percent >= 0)
		printf(" (%d %%)", percent);
	if (j->left >= 0)
		printf(", about %" PRId64 " s left", j->left);
	if (j->total_bytes || j->left >= 0)
		putchar('\n');
}

void job_print(const struct job_record *j)
{
	char begun[POINT_TIME_TEXT], ended[POINT_TIME_TEXT];

	job_print_line(j);
	time_text(j->begun, begun);
	time_text(j->ended, ended);
	printf("begun %s%s%s, %s, process %" PRId64 " on %s\n", begun, ended[0] ? ", ended " : "", ended,
	       j->scheduled ? "by policy" : "on demand", j->pid, j->host);
	for (size_t i = 0; i < j->n_tasks; i++)
		printf("  %-24s %-12s %" PRId64 " s\n", j->task[i].name, job_state_name(j->task[i].state),
		       duration(j->task[i].begun, j->task[i].ended, j->seen));
	print_amounts(j);
	if (j->point[0])
		printf("recovery point %s\n", j->point);
	for (size_t i = 0; i < j->n_warnings; i++)
		print_words("warning", &j->warning[i]);
	if (j->more_warnings)
		printf("and %zu warnings more\n", j->more_warnings);
	if (j->state == JOB_FAILED)
		print_words(j->code[0] ? j->code : "failed", &j->error);
}
