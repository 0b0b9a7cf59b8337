/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/policy/job.h"
#include "fs/util/json_value.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const operations[] = { "Backup", "Restore", "Verify", "Prune" };
static const char *const states[] = { "InProgress", "Completed", "CompletedWithWarnings", "Failed", "Cancelling",
				      "Cancelled" };

const char *job_operation_name(enum job_operation o)
{
	return operations[o];
}

const char *job_state_name(enum job_state s)
{
	return states[s];
}

void job_id(const struct job_record *j, char out[JOB_ID_TEXT])
{
	snprintf(out, JOB_ID_TEXT, "%s-%llu", j->vm_id, (unsigned long long)j->number);
}

void job_object(const struct job_record *j, const char *what, char out[96])
{
	snprintf(out, 96, "job/%s-%llu.%.16s", j->vm_id, (unsigned long long)j->number, what);
}

void job_object_number(const struct job_record *j, uint64_t record, char out[96])
{
	snprintf(out, 96, "job/%s-%llu.%llu", j->vm_id, (unsigned long long)j->number, (unsigned long long)record);
}

int job_percent(const struct job_record *j)
{
	if (j->state == JOB_COMPLETED || j->state == JOB_WARNINGS)
		return 100;
	if (!j->total_bytes)
		return -1;
	return j->done_bytes >= j->total_bytes ? 100 : (int)((double)j->done_bytes / (double)j->total_bytes * 100);
}

static struct jval *words_json(const struct job_words *w)
{
	AUTO(jval_free) struct jval *o = jval_object();
	int rc = jval_set_text(o, "text", w->text);

	rc = rc ? rc : jval_set_text(o, "next", w->next);
	return rc ? NULL : TAKE(o);
}

static struct jval *tasks_json(const struct job_record *j)
{
	AUTO(jval_free) struct jval *a = jval_array();
	int rc = 0;

	for (size_t i = 0; i < j->n_tasks && rc == 0; i++) {
		AUTO(jval_free) struct jval *o = jval_object();

		rc = jval_set_text(o, "name", j->task[i].name);
		rc = rc ? rc : jval_set_text(o, "state", states[j->task[i].state]);
		rc = rc ? rc : jval_set_u64_text(o, "begun", (uint64_t)j->task[i].begun);
		rc = rc ? rc : jval_set_u64_text(o, "ended", (uint64_t)j->task[i].ended);
		rc = rc ? rc : jval_append(a, TAKE(o));
	}
	return rc ? NULL : TAKE(a);
}

static struct jval *warnings_json(const struct job_record *j)
{
	AUTO(jval_free) struct jval *a = jval_array();
	int rc = 0;

	for (size_t i = 0; i < j->n_warnings && rc == 0; i++)
		rc = jval_append(a, words_json(&j->warning[i]));
	return rc ? NULL : TAKE(a);
}

char *job_to_json(const struct job_record *j)
{
	AUTO(jval_free) struct jval *o = jval_object();
	const struct { const char *name, *text; } texts[] = {
		{ "operation", operations[j->operation] }, { "state", states[j->state] }, { "vm", j->vm },
		{ "point", j->point }, { "host", j->host }, { "alive", j->alive }, { "code", j->code },
	};
	const struct { const char *name; uint64_t n; } numbers[] = {
		{ "begun", (uint64_t)j->begun }, { "ended", (uint64_t)j->ended }, { "done_bytes", j->done_bytes },
		{ "total_bytes", j->total_bytes }, { "new_bytes", j->new_bytes },
		{ "more_warnings", j->more_warnings },
	};
	int rc = 0;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		rc = rc ? rc : jval_set_text(o, texts[i].name, texts[i].text);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		rc = rc ? rc : jval_set_u64_text(o, numbers[i].name, numbers[i].n);
	if (j->left >= 0)
		rc = rc ? rc : jval_set_u64_text(o, "left", (uint64_t)j->left);
	rc = rc ? rc : jval_set_i64(o, "pid", j->pid);
	rc = rc ? rc : jval_set_bool(o, "scheduled", j->scheduled);
	if (j->died)
		rc = rc ? rc : jval_set_bool(o, "died", true);
	rc = rc ? rc : jval_set(o, "tasks", tasks_json(j));
	rc = rc ? rc : jval_set(o, "warnings", warnings_json(j));
	if (j->error.text[0])
		rc = rc ? rc : jval_set(o, "error", words_json(&j->error));
	return rc ? NULL : jval_print(o, false);
}

/* The text's place in the list; false: it is none of them. */
static bool find(const char *text, const char *const *list, size_t n, unsigned *out)
{
	for (size_t i = 0; text && i < n; i++)
		if (!strcmp(text, list[i])) {
			*out = (unsigned)i;
			return true;
		}
	return false;
}

static bool take_state(const struct jval *o, const char *name, enum job_state *out)
{
	unsigned n;

	if (!find(jval_text(jval_get(o, name)), states, sizeof(states) / sizeof(states[0]), &n))
		return false;
	*out = (enum job_state)n;
	return true;
}

/* A time or number that fits; absent: 0. */
static bool take_number(const struct jval *o, const char *name, uint64_t *out)
{
	const struct jval *v = jval_get(o, name);

	*out = 0;
	return !v || (jval_u64(v, out) && *out <= INT64_MAX);
}

static bool take_time(const struct jval *o, const char *name, int64_t *out)
{
	uint64_t n;
	bool ok = take_number(o, name, &n);

	*out = (int64_t)n;
	return ok;
}

static void take_text(const struct jval *o, const char *name, char *to, size_t size)
{
	const char *text = jval_text(jval_get(o, name));

	job_copy_text(to, size, text ? text : "");
}

static void take_words(const struct jval *o, struct job_words *w)
{
	take_text(o, "text", w->text, sizeof(w->text));
	take_text(o, "next", w->next, sizeof(w->next));
}

static bool take_tasks(const struct jval *a, struct job_record *j)
{
	j->n_tasks = 0;
	if (jval_len(a) > JOB_TASKS_MAX)
		return false;
	for (size_t i = 0; i < jval_len(a); i++) {
		const struct jval *o = jval_at(a, i);
		struct job_task *t = &j->task[j->n_tasks++];

		take_text(o, "name", t->name, sizeof(t->name));
		if (!take_state(o, "state", &t->state) || !take_time(o, "begun", &t->begun) ||
		    !take_time(o, "ended", &t->ended))
			return false;
	}
	return true;
}

static bool take_warnings(const struct jval *o, struct job_record *j)
{
	const struct jval *a = jval_get(o, "warnings");
	uint64_t more;

	j->n_warnings = 0;
	if (!take_number(o, "more_warnings", &more) || jval_len(a) > JOB_WARNINGS_MAX)
		return false;
	j->more_warnings = (size_t)more;
	for (size_t i = 0; i < jval_len(a); i++)
		take_words(jval_at(a, i), &j->warning[j->n_warnings++]);
	return true;
}

static bool take_all(const struct jval *o, struct job_record *j)
{
	unsigned operation;
	uint64_t left;

	if (!find(jval_text(jval_get(o, "operation")), operations, sizeof(operations) / sizeof(operations[0]), &operation))
		return false;
	j->operation = (enum job_operation)operation;
	take_text(o, "vm", j->vm, sizeof(j->vm));
	take_text(o, "point", j->point, sizeof(j->point));
	take_text(o, "host", j->host, sizeof(j->host));
	take_text(o, "alive", j->alive, sizeof(j->alive));
	take_text(o, "code", j->code, sizeof(j->code));
	take_words(jval_get(o, "error"), &j->error);
	j->scheduled = jval_bool(jval_get(o, "scheduled"), false);
	j->died = jval_bool(jval_get(o, "died"), false);
	j->pid = 0;
	jval_i64(jval_get(o, "pid"), &j->pid);
	if (!take_number(o, "left", &left))
		return false;
	j->left = jval_get(o, "left") ? (int64_t)left : -1;
	return take_state(o, "state", &j->state) && take_time(o, "begun", &j->begun) && take_time(o, "ended", &j->ended) &&
	       take_number(o, "done_bytes", &j->done_bytes) && take_number(o, "total_bytes", &j->total_bytes) &&
	       take_number(o, "new_bytes", &j->new_bytes) && take_tasks(jval_get(o, "tasks"), j) && take_warnings(o, j);
}

int job_from_json(const void *text, size_t len, struct job_record *j)
{
	AUTO(jval_free) struct jval *o = jval_parse(text, len, NULL);

	return jval_is_object(o) && take_all(o, j) ? 0 : -EBADMSG;
}
