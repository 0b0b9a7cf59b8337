/* SPDX-License-Identifier: Apache-2.0 */
/* Reading Azure's JSON of a policy. */
#include "fs/policy/policy_text.h"
#include "fs/vault/point.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DAY 86400

static int refuse(struct error *err, int code, const char *what)
{
	error_set(err, code, "%s", what);
	error_next(err, "Policies for VMs are read as the REST API and `az backup policy show` give them.");
	return -code;
}

static bool is(const struct jval *o, const char *name, const char *value)
{
	const char *text = jval_get_text(o, name);

	return text && !strcasecmp(text, value);
}

/* ["Sunday", "Monday"] to bits; none: 0. */
static int names_of(const struct jval *a, const char *const *names, unsigned n, unsigned *mask, struct error *err)
{
	*mask = 0;
	for (size_t i = 0; i < jval_len(a); i++) {
		const char *text = jval_text(jval_at(a, i));
		int bit = text ? policy_name_of(names, n, text, strlen(text)) : -1;

		if (bit < 0)
			return error_set(err, EINVAL, "'%.40s' is none of the days, weeks or months that were expected",
					 text ? text : "");
		*mask |= 1u << bit;
	}
	return 0;
}

/* A time with its date, UTC, to the minute of the day in the policy's zone; fractions of seconds are passed over. */
static int local_minute(struct policy *p, const char *text, struct error *err)
{
	char whole[24];
	int64_t utc, local;

	if (text && strlen(text) >= 19) {
		snprintf(whole, sizeof(whole), "%.19sZ", text);
		if (point_time_parse(whole, &utc) == 0) {
			local = utc + zone_offset(p->zone, utc);
			p->minute = (unsigned)(((local % DAY + DAY) % DAY) / 60);
			return 0;
		}
	}
	return error_set(err, EINVAL, "'%.40s' is no time such as 2019-04-03T01:00:00Z", text ? text : "");
}

static int one_time(struct policy *p, const struct jval *times, struct error *err)
{
	if (jval_len(times) != 1)
		return refuse(err, EINVAL, "a policy for VMs has one time a day (scheduleRunTimes)");
	return local_minute(p, jval_text(jval_at(times, 0)), err);
}

static int take_hourly(struct policy *p, const struct jval *h, struct error *err)
{
	uint64_t interval, window;

	if (!jval_u64(jval_get_ci(h, "interval"), &interval) || interval > 24 ||
	    !jval_u64(jval_get_ci(h, "scheduleWindowDuration"), &window) || window > 24)
		return refuse(err, EINVAL, "hourlySchedule without interval or scheduleWindowDuration");
	p->interval_hours = (unsigned)interval;
	p->window_hours = (unsigned)window;
	return local_minute(p, jval_get_text(h, "scheduleWindowStartTime"), err);
}

static int take_schedule(struct policy *p, const struct jval *s, struct error *err)
{
	const struct jval *of = s;
	unsigned days;
	int rc;

	if (is(s, "scheduleRunFrequency", "Hourly")) {
		p->frequency = POLICY_HOURLY;
		return take_hourly(p, jval_get_ci(s, "hourlySchedule"), err);
	}
	if (is(s, "scheduleRunFrequency", "Weekly")) {
		p->frequency = POLICY_WEEKLY;
		of = p->enhanced && jval_get_ci(s, "weeklySchedule") ? jval_get_ci(s, "weeklySchedule") : s;
		rc = names_of(jval_get_ci(of, "scheduleRunDays"), policy_day_names, 7, &days, err);
		p->weekdays = (uint8_t)days;
		return rc ? rc : one_time(p, jval_get_ci(of, "scheduleRunTimes"), err);
	}
	if (!is(s, "scheduleRunFrequency", "Daily"))
		return refuse(err, EINVAL, "schedulePolicy without a scheduleRunFrequency of Hourly, Daily or Weekly");
	of = p->enhanced && jval_get_ci(s, "dailySchedule") ? jval_get_ci(s, "dailySchedule") : s;
	return one_time(p, jval_get_ci(of, "scheduleRunTimes"), err);
}

static int take_month_days(const struct jval *days, struct retention_rule *out, struct error *err)
{
	for (size_t i = 0; i < jval_len(days); i++) {
		const struct jval *d = jval_at(days, i);
		uint64_t date = 0;

		if (jval_bool(jval_get_ci(d, "isLast"), false))
			out->month_days |= RETAIN_LAST_DAY;
		else if (jval_u64(jval_get_ci(d, "date"), &date) && date >= 1 && date <= 31)
			out->month_days |= 1u << date;
		else
			return refuse(err, EINVAL, "daysOfTheMonth with a day that is none");
	}
	return 0;
}

static int take_of_month(const struct jval *s, struct retention_rule *out, struct error *err)
{
	const struct jval *weekly = jval_get_ci(s, "retentionScheduleWeekly");
	unsigned days, weeks;
	int rc;

	if (is(s, "retentionScheduleFormatType", "Daily"))
		return take_month_days(jval_get_ci(jval_get_ci(s, "retentionScheduleDaily"), "daysOfTheMonth"), out, err);
	rc = names_of(jval_get_ci(weekly, "daysOfTheWeek"), policy_day_names, 7, &days, err);
	rc = rc ? rc : names_of(jval_get_ci(weekly, "weeksOfTheMonth"), policy_week_names, 5, &weeks, err);
	if (rc)
		return rc;
	out->weekdays = (uint8_t)days;
	out->weeks = (uint8_t)weeks;
	return weeks ? 0 : refuse(err, EINVAL, "retentionScheduleWeekly names no week");
}

static int take_rule(const struct jval *retention, enum rule_kind kind, struct retention_rule *out, struct error *err)
{
	static const char *const members[N_RULES] = { "dailySchedule", "weeklySchedule", "monthlySchedule", "yearlySchedule" };
	static const char *const units[N_RULES] = { "Days", "Weeks", "Months", "Years" };
	const struct jval *s = jval_get_ci(retention, members[kind]), *length = jval_get_ci(s, "retentionDuration");
	uint64_t count;
	unsigned mask = 0;
	int rc = 0;

	if (!jval_is_object(s))
		return 0;
	if (!jval_u64(jval_get_ci(length, "count"), &count) || !count || count > 100000 ||
	    !is(length, "durationType", units[kind]))
		return error_set(err, EINVAL, "%s: retentionDuration is no number of %s", members[kind], units[kind]);
	out->count = (unsigned)count;
	if (kind == RULE_WEEKLY) {
		rc = names_of(jval_get_ci(s, "daysOfTheWeek"), policy_day_names, 7, &mask, err);
		out->weekdays = (uint8_t)mask;
	}
	if (kind == RULE_YEARLY) {
		rc = names_of(jval_get_ci(s, "monthsOfYear"), policy_month_names, 12, &mask, err);
		out->months = (uint16_t)mask;
	}
	return rc || kind < RULE_MONTHLY ? rc : take_of_month(s, out, err);
}

static int take_head(struct policy *p, const struct jval *in, struct error *err)
{
	const char *zone = jval_get_text(in, "timeZone");
	uint64_t days = 0;

	if (jval_get_text(in, "backupManagementType") && !is(in, "backupManagementType", "AzureIaasVM"))
		return refuse(err, ENOTSUP, "it is no policy for VMs (backupManagementType is not AzureIaasVM)");
	p->enhanced = is(in, "policyType", "V2") ||
		      is(jval_get_ci(in, "schedulePolicy"), "schedulePolicyType", "SimpleSchedulePolicyV2");
	if (zone && strlen(zone) >= sizeof(p->time_zone))
		return refuse(err, EINVAL, "the name of the time zone is too long");
	snprintf(p->time_zone, sizeof(p->time_zone), "%s", zone && *zone ? zone : "UTC");
	p->snapshot_days = p->enhanced ? 7 : is(jval_get_ci(in, "schedulePolicy"), "scheduleRunFrequency", "Weekly") ? 5 : 2;
	if (jval_u64(jval_get_ci(in, "instantRpRetentionRangeInDays"), &days) && days <= 30)
		p->snapshot_days = (unsigned)days;
	p->zone = zone_open(p->time_zone, err);
	return p->zone ? 0 : err && err->code ? -err->code : -ENOENT;
}

int policy_from_azure(const struct jval *doc, struct policy *out, struct error *err)
{
	const struct jval *in = jval_is_object(jval_get_ci(doc, "properties")) ? jval_get_ci(doc, "properties") : doc;
	const struct jval *retention = jval_get_ci(in, "retentionPolicy");
	int rc;

	*out = (struct policy){ .stored = false };
	if (!jval_is_object(jval_get_ci(in, "schedulePolicy")) || !jval_is_object(retention))
		return refuse(err, EINVAL, "it is no policy: schedulePolicy or retentionPolicy is missing");
	rc = take_head(out, in, err);
	rc = rc ? rc : take_schedule(out, jval_get_ci(in, "schedulePolicy"), err);
	for (enum rule_kind k = RULE_DAILY; k < N_RULES && !rc; k++)
		rc = take_rule(retention, k, policy_rule(&out->rules, k), err);
	if (rc)
		policy_clear(out);
	else
		out->rules.zone = out->zone;
	return rc;
}
