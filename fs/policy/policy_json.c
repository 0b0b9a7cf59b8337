/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/policy/policy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const frequency_names[] = { "daily", "weekly", "hourly" };

static struct jval *rule_to_json(const struct retention_rule *r)
{
	const struct { const char *name; uint64_t n; } members[] = {
		{ "count", r->count }, { "weekdays", r->weekdays }, { "weeks", r->weeks },
		{ "month_days", r->month_days }, { "months", r->months },
	};
	AUTO(jval_free) struct jval *o = jval_object();
	int rc = o ? 0 : -ENOMEM;

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]) && !rc; i++)
		if (members[i].n || !i)
			rc = jval_set_u64_text(o, members[i].name, members[i].n);
	return rc ? NULL : TAKE(o);
}

static struct jval *rules_to_json(const struct retention *r)
{
	const struct { const char *name; const struct retention_rule *rule; } rules[] = {
		{ "daily", &r->daily }, { "weekly", &r->weekly }, { "monthly", &r->monthly }, { "yearly", &r->yearly },
	};
	AUTO(jval_free) struct jval *o = jval_object();
	int rc = o ? 0 : -ENOMEM;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]) && !rc; i++)
		if (rules[i].rule->count)
			rc = jval_set(o, rules[i].name, rule_to_json(rules[i].rule));
	return rc ? NULL : TAKE(o);
}

struct jval *policy_to_json(const struct policy *p)
{
	const struct { const char *name; uint64_t n; } numbers[] = {
		{ "minute", p->minute }, { "weekdays", p->weekdays }, { "interval_hours", p->interval_hours },
		{ "window_hours", p->window_hours }, { "snapshot_days", p->snapshot_days },
	};
	AUTO(jval_free) struct jval *o = jval_object();
	int rc = jval_set_text(o, "name", p->name);

	rc = rc ? rc : jval_set_bool(o, "enhanced", p->enhanced);
	rc = rc ? rc : jval_set_text(o, "frequency", frequency_names[p->frequency]);
	rc = rc ? rc : jval_set_text(o, "time_zone", p->time_zone);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]) && !rc; i++)
		rc = jval_set_u64_text(o, numbers[i].name, numbers[i].n);
	rc = rc ? rc : jval_set(o, "retention", rules_to_json(&p->rules));
	return rc ? NULL : TAKE(o);
}

static bool get_number(const struct jval *o, const char *name, uint64_t max, unsigned *out)
{
	const struct jval *member = jval_get(o, name);
	uint64_t n = 0;

	if (member && (!jval_text(member) || !jval_u64(member, &n) || n > max))
		return false;
	*out = (unsigned)n;
	return true;
}

static bool get_rule(const struct jval *rules, const char *name, struct retention_rule *out)
{
	const struct jval *o = jval_get(rules, name);
	unsigned weekdays, weeks, days, months;

	*out = (struct retention_rule){ .count = 0 };
	if (!o)
		return true;
	if (!jval_is_object(o) || !get_number(o, "count", 100000, &out->count) || !out->count ||
	    !get_number(o, "weekdays", 0x7f, &weekdays) || !get_number(o, "weeks", 0x1f, &weeks) ||
	    !get_number(o, "month_days", UINT32_MAX, &days) || !get_number(o, "months", 0xfff, &months))
		return false;
	out->weekdays = (uint8_t)weekdays;
	out->weeks = (uint8_t)weeks;
	out->month_days = days;
	out->months = (uint16_t)months;
	return true;
}

static bool get_rules(const struct jval *o, struct retention *out)
{
	return jval_is_object(o) && get_rule(o, "daily", &out->daily) && get_rule(o, "weekly", &out->weekly) &&
	       get_rule(o, "monthly", &out->monthly) && get_rule(o, "yearly", &out->yearly);
}

static bool get_frequency(const struct jval *doc, enum policy_frequency *out)
{
	const char *text = jval_text(jval_get(doc, "frequency"));

	for (size_t i = 0; text && i < sizeof(frequency_names) / sizeof(frequency_names[0]); i++)
		if (!strcmp(text, frequency_names[i])) {
			*out = (enum policy_frequency)i;
			return true;
		}
	return false;
}

int policy_from_json(const struct jval *doc, struct policy *out, struct error *err)
{
	const char *name = jval_text(jval_get(doc, "name")), *zone = jval_text(jval_get(doc, "time_zone"));
	unsigned weekdays = 0;
	int rc;

	*out = (struct policy){ .stored = true };
	if (!name || strlen(name) >= sizeof(out->name) || !zone || strlen(zone) >= sizeof(out->time_zone) ||
	    !get_frequency(doc, &out->frequency) || !get_number(doc, "minute", 1439, &out->minute) ||
	    !get_number(doc, "weekdays", 0x7f, &weekdays) ||
	    !get_number(doc, "interval_hours", 24, &out->interval_hours) ||
	    !get_number(doc, "window_hours", 24, &out->window_hours) ||
	    !get_number(doc, "snapshot_days", 30, &out->snapshot_days) ||
	    !get_rules(jval_get(doc, "retention"), &out->rules))
		return error_set(err, EBADMSG, "damaged policy: what it says makes no sense");
	snprintf(out->name, sizeof(out->name), "%s", name);
	snprintf(out->time_zone, sizeof(out->time_zone), "%s", zone);
	out->enhanced = jval_bool(jval_get(doc, "enhanced"), false);
	out->weekdays = (uint8_t)weekdays;
	rc = policy_check(out, err);
	if (rc < 0)
		policy_clear(out);
	return rc;
}
