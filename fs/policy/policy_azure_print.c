/* SPDX-License-Identifier: Apache-2.0 */
/* Writing Azure's JSON of a policy. */
#include "fs/policy/policy_text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DAY 86400

struct printing {
	const struct policy *p;
	char time[24];		/* of the next slot, UTC, as Azure writes it */
	int rc;			/* of all that was built so far */
};

static void set(struct printing *w, struct jval *o, const char *name, struct jval *taken)
{
	int rc = jval_set(o, name, taken);

	w->rc = w->rc ? w->rc : rc;
}

static void text(struct printing *w, struct jval *o, const char *name, const char *value)
{
	set(w, o, name, jval_new_text(value));
}

static void add(struct printing *w, struct jval *a, struct jval *taken)
{
	int rc = jval_append(a, taken);

	w->rc = w->rc ? w->rc : rc;
}

/* Azure's names begin with a capital. */
static struct jval *names(struct printing *w, unsigned mask, const char *const *of, unsigned n)
{
	struct jval *a = jval_array();

	for (unsigned i = 0; i < n; i++) {
		char name[16];

		if (!(mask >> i & 1))
			continue;
		snprintf(name, sizeof(name), "%s", of[i]);
		name[0] = (char)toupper((unsigned char)name[0]);
		add(w, a, jval_new_text(name));
	}
	return a;
}

static struct jval *times(struct printing *w)
{
	struct jval *a = jval_array();

	add(w, a, jval_new_text(w->time));
	return a;
}

static struct jval *duration(struct printing *w, unsigned count, const char *unit)
{
	struct jval *o = jval_object();

	set(w, o, "count", jval_new_i64(count));
	text(w, o, "durationType", unit);
	return o;
}

static struct jval *month_days(struct printing *w, uint32_t mask)
{
	struct jval *o = jval_object(), *a = jval_array();

	for (unsigned i = 1; i <= 32; i++) {	/* the last day comes last */
		unsigned day = i % 32;
		struct jval *d;

		if (!(mask >> day & 1))
			continue;
		d = jval_object();
		set(w, d, "date", jval_new_i64(day));
		w->rc = w->rc ? w->rc : jval_set_bool(d, "isLast", day == 0);
		add(w, a, d);
	}
	set(w, o, "daysOfTheMonth", a);
	return o;
}

static void of_month(struct printing *w, struct jval *o, const struct retention_rule *r)
{
	struct jval *weekly;

	text(w, o, "retentionScheduleFormatType", r->weeks ? "Weekly" : "Daily");
	if (!r->weeks) {
		set(w, o, "retentionScheduleDaily", month_days(w, r->month_days));
		return;
	}
	weekly = jval_object();
	set(w, weekly, "daysOfTheWeek", names(w, r->weekdays, policy_day_names, 7));
	set(w, weekly, "weeksOfTheMonth", names(w, r->weeks, policy_week_names, 5));
	set(w, o, "retentionScheduleWeekly", weekly);
}

static struct jval *retention(struct printing *w)
{
	static const char *const members[N_RULES] = { "dailySchedule", "weeklySchedule", "monthlySchedule", "yearlySchedule" };
	static const char *const units[N_RULES] = { "Days", "Weeks", "Months", "Years" };
	struct retention rules = w->p->rules;
	struct jval *o = jval_object();

	text(w, o, "retentionPolicyType", "LongTermRetentionPolicy");
	for (enum rule_kind k = RULE_DAILY; k < N_RULES; k++) {
		const struct retention_rule *r = policy_rule(&rules, k);
		struct jval *s;

		if (!r->count)
			continue;
		s = jval_object();
		set(w, s, "retentionTimes", times(w));
		set(w, s, "retentionDuration", duration(w, r->count, units[k]));
		if (k == RULE_WEEKLY)
			set(w, s, "daysOfTheWeek", names(w, r->weekdays, policy_day_names, 7));
		if (k == RULE_YEARLY)
			set(w, s, "monthsOfYear", names(w, r->months, policy_month_names, 12));
		if (k >= RULE_MONTHLY)
			of_month(w, s, r);
		set(w, o, members[k], s);
	}
	return o;
}

static struct jval *schedule(struct printing *w)
{
	static const char *const frequencies[] = { "Daily", "Weekly", "Hourly" };
	const struct policy *p = w->p;
	struct jval *o = jval_object(), *of = p->enhanced ? jval_object() : o;

	text(w, o, "schedulePolicyType", p->enhanced ? "SimpleSchedulePolicyV2" : "SimpleSchedulePolicy");
	text(w, o, "scheduleRunFrequency", frequencies[p->frequency]);
	if (p->frequency == POLICY_HOURLY) {
		set(w, of, "interval", jval_new_i64(p->interval_hours));
		text(w, of, "scheduleWindowStartTime", w->time);
		set(w, of, "scheduleWindowDuration", jval_new_i64(p->window_hours));
		set(w, o, "hourlySchedule", of);
		return o;
	}
	set(w, of, "scheduleRunTimes", times(w));
	if (p->frequency == POLICY_WEEKLY)
		set(w, of, "scheduleRunDays", names(w, p->weekdays, policy_day_names, 7));
	if (p->enhanced)
		set(w, o, p->frequency == POLICY_WEEKLY ? "weeklySchedule" : "dailySchedule", of);
	return o;
}

/* The date beside a time of day is that of today in the zone. */
static void take_time(struct printing *w, int64_t now)
{
	int64_t local = now + zone_offset(w->p->zone, now), day = local / DAY - (local % DAY < 0);
	int64_t at = zone_to_utc(w->p->zone, day * DAY + (int64_t)w->p->minute * 60);
	struct civil_day c = civil_from_days(at / DAY - (at % DAY < 0));
	unsigned minute = (unsigned)(((at % DAY + DAY) % DAY) / 60);

	snprintf(w->time, sizeof(w->time), "%04u-%02u-%02uT%02u:%02u:00Z", (unsigned)c.year % 10000, c.month % 100,
		 c.day % 100, minute / 60 % 100, minute % 60);
}

struct jval *policy_to_azure(const struct policy *p, int64_t now)
{
	struct printing w = { .p = p };
	AUTO(jval_free) struct jval *doc = jval_object();
	struct jval *in = jval_object();

	take_time(&w, now);
	text(&w, in, "backupManagementType", "AzureIaasVM");
	text(&w, in, "policyType", p->enhanced ? "V2" : "V1");
	text(&w, in, "timeZone", zone_to_azure(p->time_zone) ? zone_to_azure(p->time_zone) : p->time_zone);
	set(&w, in, "instantRpRetentionRangeInDays", jval_new_i64(p->snapshot_days));
	set(&w, in, "schedulePolicy", schedule(&w));
	set(&w, in, "retentionPolicy", retention(&w));
	set(&w, doc, "properties", in);
	return w.rc ? NULL : TAKE(doc);
}
