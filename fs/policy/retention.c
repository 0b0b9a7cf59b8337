/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/policy/retention.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DAY 86400

enum unit { DAILY, WEEKLY, MONTHLY, YEARLY, N_UNITS };

static const char *const rule_names[N_UNITS] = { "daily", "weekly", "monthly", "yearly" };
static const char *const unit_names[N_UNITS] = { "days", "weeks", "months", "years" };

/* A point with what is needed of its local time. */
struct dated {
	struct retained_point *p;
	int64_t day;		/* local, since 1970-01-01 */
	struct civil_day civil;
	bool last_of_day;	/* among those that the rules decide on */
};

static const struct retention_rule *rule_of(const struct retention *r, enum unit u)
{
	const struct retention_rule *const rules[N_UNITS] = { &r->daily, &r->weekly, &r->monthly, &r->yearly };

	return rules[u];
}

static unsigned count_of(const struct retention *r, enum unit u)
{
	const unsigned counts[N_UNITS] = { r->keep.daily, r->keep.weekly, r->keep.monthly, r->keep.yearly };

	return counts[u];
}

static bool has_counts(const struct retention *r)
{
	return r->keep.last || r->keep.daily || r->keep.weekly || r->keep.monthly || r->keep.yearly;
}

static bool has_rules(const struct retention *r)
{
	return r->daily.count || r->weekly.count || r->monthly.count || r->yearly.count;
}

bool retention_is_empty(const struct retention *r)
{
	return !has_counts(r) && !has_rules(r);
}

static int check_days(const struct retention_rule *rule, enum unit u, struct error *err)
{
	if (u == WEEKLY && !rule->weekdays)
		return error_set(err, EINVAL, "weekly retention names no day of the week");
	if (u == YEARLY && !rule->months)
		return error_set(err, EINVAL, "yearly retention names no month");
	if ((u == MONTHLY || u == YEARLY) && (rule->weeks ? !rule->weekdays : !rule->month_days))
		return error_set(err, EINVAL, "%s retention names no day", rule_names[u]);
	return 0;
}

int retention_check(const struct retention *r, struct error *err)
{
	static const unsigned most[N_UNITS] = { RETAIN_DAYS_MAX, RETAIN_WEEKS_MAX, RETAIN_MONTHS_MAX, RETAIN_YEARS_MAX };

	for (enum unit u = DAILY; u < N_UNITS; u++) {
		const struct retention_rule *rule = rule_of(r, u);

		if (!rule->count)
			continue;
		if (rule->count > most[u] || (u == DAILY && rule->count < RETAIN_DAYS_MIN))
			return error_set(err, EINVAL, "%s retention of %u %s: it is from %u to %u", rule_names[u],
					 rule->count, unit_names[u], u == DAILY ? RETAIN_DAYS_MIN : 1, most[u]);
		if (check_days(rule, u, err) < 0)
			return -EINVAL;
	}
	return 0;
}

static bool in_month(const struct retention_rule *rule, const struct dated *d)
{
	unsigned last = civil_month_days(d->civil.year, d->civil.month), day = d->civil.day;
	unsigned weeks;

	if (!rule->weeks)
		return rule->month_days >> day & 1 || (rule->month_days & RETAIN_LAST_DAY && day == last);
	weeks = day <= 28 ? 1u << (day - 1) / 7 : 0;
	if (day + 7 > last)
		weeks |= RETAIN_LAST_WEEK;
	return rule->weekdays >> civil_weekday(d->day) & 1 && rule->weeks & weeks;
}

static bool is_chosen(const struct retention *r, enum unit u, const struct dated *d)
{
	const struct retention_rule *rule = rule_of(r, u);

	if (!rule->count || (!d->last_of_day && (u != DAILY || r->snapshot_days)))
		return false;
	switch (u) {
	case DAILY:
		return true;
	case WEEKLY:
		return rule->weekdays >> civil_weekday(d->day) & 1;
	case MONTHLY:
		return in_month(rule, d);
	default:
		return rule->months >> (d->civil.month - 1) & 1 && in_month(rule, d);
	}
}

/* The same local time so many units later; a day that the month has not is its last. */
static int64_t later(const struct retention *r, const struct dated *d, enum unit u, unsigned count)
{
	int64_t local = d->p->time + zone_offset(r->zone, d->p->time), months;
	struct civil_day c = d->civil;
	unsigned last;

	if (u == DAILY || u == WEEKLY)
		return zone_to_utc(r->zone, local + (int64_t)count * (u == DAILY ? 1 : 7) * DAY);
	months = c.year * 12 + (c.month - 1) + (int64_t)count * (u == MONTHLY ? 1 : 12);
	c.year = months / 12;
	c.month = (unsigned)(months % 12) + 1;
	last = civil_month_days(c.year, c.month);
	c.day = c.day < last ? c.day : last;
	return zone_to_utc(r->zone, civil_to_days(c.year, c.month, c.day) * DAY + (local - d->day * DAY));
}

static const char *date_text(const struct dated *d, char out[32])
{
	static const char *const days[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" };

	snprintf(out, 32, "%s %04d-%02u-%02u", days[civil_weekday(d->day)], (int)(d->civil.year % 10000), d->civil.month,
		 d->civil.day);
	return out;
}

static void decide(struct retained_point *p, bool keep, enum retained_reason why, int64_t expires)
{
	p->keep = keep;
	p->reason = why;
	p->expires = expires;
}

/* The longest of Azure's rules. */
static void apply_rules(const struct retention *r, struct dated *d, int64_t now)
{
	struct retained_point *p = d->p;
	int64_t best = INT64_MIN;
	enum unit by = DAILY;
	char date[32];

	for (enum unit u = DAILY; u < N_UNITS; u++) {
		int64_t end;

		if (!is_chosen(r, u, d))
			continue;
		end = later(r, d, u, rule_of(r, u)->count);
		if (end > best) {
			best = end;
			by = u;
		}
	}
	if (r->snapshot_days && later(r, d, DAILY, r->snapshot_days) > best) {
		best = later(r, d, DAILY, r->snapshot_days);
		decide(p, best > now, best > now ? RETAINED_RULE : EXPIRED_RULE, best);
		snprintf(p->words, sizeof(p->words), "snapshot: %s, kept for %u days", date_text(d, date),
			 r->snapshot_days);
		return;
	}
	if (best == INT64_MIN) {
		decide(p, false, EXPIRED_NO_RULE, p->time);
		snprintf(p->words, sizeof(p->words), "no rule is for %s", date_text(d, date));
		return;
	}
	decide(p, best > now, best > now ? RETAINED_RULE : EXPIRED_RULE, best);
	snprintf(p->words, sizeof(p->words), "%s: %s, kept for %u %s", rule_names[by], date_text(d, date),
		 rule_of(r, by)->count, unit_names[by]);
}

static int64_t bucket(const struct dated *d, enum unit u)
{
	switch (u) {
	case DAILY:
		return d->day;
	case WEEKLY:	/* from Monday to Sunday: day 0 was a Thursday */
		return (d->day + 3) / 7 - ((d->day + 3) % 7 < 0);
	case MONTHLY:
		return d->civil.year * 12 + d->civil.month;
	default:
		return d->civil.year;
	}
}

static void count_point(struct dated *d, const char *what, unsigned n)
{
	if (d->p->keep)
		return;		/* a longer or earlier reason is told already */
	decide(d->p, true, RETAINED_COUNT, INT64_MAX);
	snprintf(d->p->words, sizeof(d->p->words), "%s %u", what, n);
}

/* d[n]: newest first. */
static void apply_counts(const struct retention *r, struct dated *d, size_t n)
{
	static const char *const names[N_UNITS] = { "daily", "weekly", "monthly", "yearly" };

	for (size_t i = 0; i < n && i < r->keep.last; i++)
		count_point(&d[i], "last", (unsigned)i + 1);
	for (enum unit u = DAILY; u < N_UNITS; u++) {
		unsigned used = 0;

		for (size_t i = 0; i < n && used < count_of(r, u); i++)
			if (!i || bucket(&d[i], u) != bucket(&d[i - 1], u))
				count_point(&d[i], names[u], ++used);
	}
}

static bool is_newer(const struct retained_point *a, const struct retained_point *b)
{
	return a->time > b->time || (a->time == b->time && a->order > b->order);
}

static int newest_first(const void *a, const void *b)
{
	const struct retained_point *x = ((const struct dated *)a)->p, *y = ((const struct dated *)b)->p;

	return is_newer(y, x) - is_newer(x, y);
}

/* Those that rules and counts decide on, newest first. */
static size_t gather(const struct retention *r, struct retained_point *points, size_t n, struct dated *out)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		struct dated *d = &out[kept];
		int64_t local = points[i].time + zone_offset(r->zone, points[i].time);

		points[i].words[0] = '\0';
		decide(&points[i], false, EXPIRED_COUNT, points[i].time);
		if (points[i].retain_until || points[i].unreadable)
			continue;
		*d = (struct dated){ .p = &points[i], .day = local / DAY - (local % DAY < 0) };
		d->civil = civil_from_days(d->day);
		kept++;
	}
	if (kept)
		qsort(out, kept, sizeof(*out), newest_first);
	for (size_t i = 0; i < kept; i++)
		out[i].last_of_day = !i || out[i].day != out[i - 1].day;
	return kept;
}

static void apply_until(struct retained_point *p, int64_t now)
{
	struct civil_day c = civil_from_days((p->retain_until - 1) / DAY);	/* midnight ends a day */

	decide(p, p->retain_until > now, p->retain_until > now ? RETAINED_UNTIL : EXPIRED_UNTIL, p->retain_until);
	snprintf(p->words, sizeof(p->words), "made to be kept until %04d-%02u-%02u", (int)(c.year % 10000), c.month, c.day);
}

static struct retained_point *newest(struct retained_point *points, size_t n, bool proven)
{
	struct retained_point *best = NULL;

	for (size_t i = 0; i < n; i++)
		if (points[i].sound && (points[i].proven || !proven) && (!best || is_newer(&points[i], best)))
			best = &points[i];
	return best;
}

static void keep_anyway(struct retained_point *p, enum retained_reason why, const char *words)
{
	if (!p || p->keep)
		return;
	decide(p, true, why, INT64_MAX);
	snprintf(p->words, sizeof(p->words), "%s", words);
}

/* For VMs that are not backed up any more. */
static void decide_all(const struct retention *r, struct retained_point *points, size_t n, int64_t now)
{
	bool gone = r->all_until && r->all_until <= now;

	for (size_t i = 0; i < n; i++) {
		struct retained_point *p = &points[i];

		decide(p, !gone, gone ? EXPIRED_ALL : RETAINED_ALL, r->all_until ? r->all_until : INT64_MAX);
		snprintf(p->words, sizeof(p->words), "%s", r->all_words ? r->all_words : "no policy says how long");
		if (p->unreadable)
			keep_anyway(p, RETAINED_UNREADABLE, "it cannot be read");
		if (p->held)
			keep_anyway(p, RETAINED_HELD, "held");
	}
}

int retention_decide(const struct retention *r, struct retained_point *points, size_t n, int64_t now)
{
	AUTO(free) struct dated *d = calloc(n ? n : 1, sizeof(*d));
	bool empty = retention_is_empty(r);
	size_t kept;

	if (!d)
		return -ENOMEM;
	if (r->all) {
		decide_all(r, points, n, now);
		return 0;
	}
	kept = gather(r, points, n, d);
	for (size_t i = 0; i < kept; i++) {
		decide(d[i].p, false, EXPIRED_COUNT, d[i].p->time);
		snprintf(d[i].p->words, sizeof(d[i].p->words), "more than the counts keep");
		if (has_rules(r))
			apply_rules(r, &d[i], now);
		if (empty)
			keep_anyway(d[i].p, RETAINED_NO_RULE, "no policy says how long");
	}
	apply_counts(r, d, kept);
	for (size_t i = 0; i < n; i++) {
		if (points[i].retain_until)
			apply_until(&points[i], now);
		if (points[i].unreadable)
			keep_anyway(&points[i], RETAINED_UNREADABLE, "it cannot be read");
		if (points[i].held)
			keep_anyway(&points[i], RETAINED_HELD, "held");
	}
	keep_anyway(newest(points, n, false), RETAINED_NEWEST, "the newest good point never expires");
	keep_anyway(newest(points, n, true), RETAINED_PROVEN, "the newest proven point never expires");
	return 0;
}
