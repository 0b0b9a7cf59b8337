/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/policy/policy_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct words {
	char *out;
	size_t size, len;
};

__attribute__((format(printf, 2, 3)))
static void say(struct words *w, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(w->out + w->len, w->size - w->len, fmt, args);
	va_end(args);
	w->len += n > 0 ? (size_t)n : 0;
	if (w->len >= w->size)
		w->len = w->size - 1;
}

/* The names of the bits that are set, joined by commas. */
static void say_names(struct words *w, unsigned mask, const char *const *names, unsigned n)
{
	bool first = true;

	for (unsigned i = 0; i < n; i++) {
		if (!(mask >> i & 1))
			continue;
		say(w, "%s%s", first ? "" : ", ", names[i]);
		first = false;
	}
}

void policy_schedule_words(const struct policy *p, char *out, size_t size)
{
	struct words w = { out, size, 0 };

	if (p->frequency == POLICY_HOURLY)
		say(&w, "every %u hours for %u hours from", p->interval_hours, p->window_hours);
	else if (p->frequency == POLICY_DAILY)
		say(&w, "daily at");
	else {
		say_names(&w, p->weekdays, policy_day_names, 7);
		say(&w, " at");
	}
	say(&w, " %02u:%02u %s", p->minute / 60, p->minute % 60, p->time_zone);
}

static void say_month_days(struct words *w, uint32_t days)
{
	bool first = true;

	for (unsigned day = 1; day <= 31; day++)
		if (days >> day & 1) {
			say(w, "%s%u", first ? "day " : ", ", day);
			first = false;
		}
	if (days & RETAIN_LAST_DAY)
		say(w, "%sthe last day", first ? "" : " and ");
}

static void say_of_month(struct words *w, const struct retention_rule *r)
{
	if (!r->weeks) {
		say_month_days(w, r->month_days);
		return;
	}
	say(w, "the ");
	say_names(w, r->weeks, policy_week_names, 5);
	say(w, " ");
	say_names(w, r->weekdays, policy_day_names, 7);
}

void policy_retention_words(const struct policy *p, char *out, size_t size)
{
	const struct retention *r = &p->rules;
	struct words w = { out, size, 0 };

	*out = '\0';
	if (p->frequency == POLICY_HOURLY)
		say(&w, "all of them %u days; ", p->snapshot_days);
	if (r->daily.count)
		say(&w, "daily points %u days; ", r->daily.count);
	if (r->weekly.count) {
		say(&w, "of ");
		say_names(&w, r->weekly.weekdays, policy_day_names, 7);
		say(&w, " %u weeks; ", r->weekly.count);
	}
	if (r->monthly.count) {
		say(&w, "monthly, of ");
		say_of_month(&w, &r->monthly);
		say(&w, ", %u months; ", r->monthly.count);
	}
	if (r->yearly.count) {
		say(&w, "yearly, of ");
		say_of_month(&w, &r->yearly);
		say(&w, " of ");
		say_names(&w, r->yearly.months, policy_month_names, 12);
		say(&w, ", %u years; ", r->yearly.count);
	}
	if (w.len >= 2)
		out[w.len - 2] = '\0';
}
