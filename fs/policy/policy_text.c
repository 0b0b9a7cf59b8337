/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/policy/policy_text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

const char *const policy_day_names[7] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" };
const char *const policy_week_names[5] = { "first", "second", "third", "fourth", "last" };
const char *const policy_month_names[12] = { "January", "February", "March", "April", "May", "June", "July", "August",
					     "September", "October", "November", "December" };
static const char *const rule_names[N_RULES] = { "daily", "weekly", "monthly", "yearly" };

const char *policy_rule_name(enum rule_kind kind)
{
	return rule_names[kind];
}

struct retention_rule *policy_rule(struct retention *r, enum rule_kind kind)
{
	struct retention_rule *const rules[N_RULES] = { &r->daily, &r->weekly, &r->monthly, &r->yearly };

	return rules[kind];
}

int policy_name_of(const char *const *names, unsigned n, const char *text, size_t len)
{
	for (unsigned i = 0; i < n; i++)
		if (!strncasecmp(names[i], text, len) && !names[i][len])
			return (int)i;
	for (unsigned i = 0; i < n && len == 3; i++)
		if (!strncasecmp(names[i], text, len))
			return (int)i;
	return -1;
}

/* "a,b" up to len to a mask of the names' bits. */
static int parse_names(const char *text, size_t len, const char *const *names, unsigned n, const char *what,
		       unsigned *mask, struct error *err)
{
	const char *end = text + len;

	for (*mask = 0; text < end;) {
		size_t part = strcspn(text, ",");
		int bit;

		part = part < (size_t)(end - text) ? part : (size_t)(end - text);
		bit = policy_name_of(names, n, text, part);
		if (bit < 0)
			return error_set(err, EINVAL, "'%.*s' is no %s", (int)(part < 40 ? part : 40), text, what);
		*mask |= 1u << bit;
		text += part + (text + part < end);
	}
	return *mask ? 0 : error_set(err, EINVAL, "no %s is named", what);
}

int policy_days_parse(const char *text, uint8_t *weekdays, struct error *err)
{
	unsigned mask;
	int rc = parse_names(text, strlen(text), policy_day_names, 7, "day of the week", &mask, err);

	if (rc == 0)
		*weekdays = (uint8_t)mask;
	return rc;
}

int policy_time_parse(const char *text, unsigned *minute, struct error *err)
{
	if (strlen(text) == 5 && isdigit((unsigned char)text[0]) && isdigit((unsigned char)text[1]) && text[2] == ':' &&
	    isdigit((unsigned char)text[3]) && isdigit((unsigned char)text[4])) {
		unsigned hour = (unsigned)(text[0] - '0') * 10 + (unsigned)(text[1] - '0');
		unsigned rest = (unsigned)(text[3] - '0') * 10 + (unsigned)(text[4] - '0');

		*minute = hour * 60 + rest;
		if (hour < 24 && rest < 60)
			return 0;
	}
	return error_set(err, EINVAL, "'%.20s' is no time of day: write it as 02:30", text);
}

/* "1,15,last" */
static int parse_month_days(const char *text, struct retention_rule *out, struct error *err)
{
	while (*text) {
		size_t len = strcspn(text, ",");
		char *end;
		long day = len == 4 && !strncasecmp(text, "last", 4) ? 0 : strtol(text, &end, 10);

		if (day < 0 || day > 31 || (day == 0 && len != 4) || (day && end != text + len))
			return error_set(err, EINVAL, "'%.*s' is no day of a month: 1 to 31, or last",
					 (int)(len < 40 ? len : 40), text);
		out->month_days |= 1u << day;
		text += len + (text[len] == ',');
	}
	return out->month_days ? 0 : error_set(err, EINVAL, "no day of the month is named");
}

/* "1,15,last" or "first,third-Sunday,Monday" */
static int parse_of_month(const char *text, struct retention_rule *out, struct error *err)
{
	const char *dash = strchr(text, '-');
	unsigned weeks;
	int rc;

	if (!dash)
		return parse_month_days(text, out, err);
	rc = parse_names(text, (size_t)(dash - text), policy_week_names, 5, "week of a month (first … fourth, last)",
			 &weeks, err);
	out->weeks = (uint8_t)weeks;
	return rc ? rc : policy_days_parse(dash + 1, &out->weekdays, err);
}

static int parse_parts(enum rule_kind kind, const char *text, struct retention_rule *out, struct error *err)
{
	const char *colon;
	unsigned months;
	int rc;

	if (kind == RULE_WEEKLY)
		return policy_days_parse(text, &out->weekdays, err);
	if (kind == RULE_MONTHLY)
		return parse_of_month(text, out, err);
	colon = strchr(text, ':');
	if (!colon)
		return error_set(err, EINVAL, "which days of those months?");
	rc = parse_names(text, (size_t)(colon - text), policy_month_names, 12, "month", &months, err);
	out->months = (uint16_t)months;
	return rc ? rc : parse_of_month(colon + 1, out, err);
}

int policy_rule_parse(enum rule_kind kind, const char *text, struct retention_rule *out, struct error *err)
{
	static const char *const examples[N_RULES] = { "30", "12:Sunday", "60:first-Sunday or 60:1,last",
						       "10:January:first-Sunday" };
	unsigned long count;
	char *end;
	int rc = 0;

	*out = (struct retention_rule){ .count = 0 };
	if (!strcasecmp(text, "none"))
		return 0;
	count = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)*text) || !count || count > 100000 || *end != (kind == RULE_DAILY ? '\0' : ':'))
		rc = error_set(err, EINVAL, "'%.60s' is no %s retention", text, rule_names[kind]);
	else if (kind != RULE_DAILY)
		rc = parse_parts(kind, end + 1, out, err);
	if (rc < 0)
		error_next(err, "Write it as %s, or none.", examples[kind]);
	out->count = rc ? 0 : (unsigned)count;
	return rc;
}

struct text { char *out; size_t size, len; };

static void add(struct text *t, const char *before, const char *word)
{
	int n = snprintf(t->out + t->len, t->size - t->len, "%s%s", before, word);

	t->len += n > 0 ? (size_t)n : 0;
	if (t->len >= t->size)
		t->len = t->size - 1;
}

static void add_names(struct text *t, unsigned mask, const char *const *names, unsigned n)
{
	bool first = true;

	for (unsigned i = 0; i < n; i++)
		if (mask >> i & 1) {
			add(t, first ? "" : ",", names[i]);
			first = false;
		}
}

void policy_days_text(uint8_t weekdays, char *out, size_t size)
{
	struct text t = { out, size, 0 };

	*out = '\0';
	add_names(&t, weekdays, policy_day_names, 7);
}

static void add_of_month(struct text *t, const struct retention_rule *r)
{
	bool first = true;
	char day[4];

	if (r->weeks) {
		add_names(t, r->weeks, policy_week_names, 5);
		add(t, "-", "");
		add_names(t, r->weekdays, policy_day_names, 7);
		return;
	}
	for (unsigned i = 1; i <= 31; i++)
		if (r->month_days >> i & 1) {
			snprintf(day, sizeof(day), "%u", i);
			add(t, first ? "" : ",", day);
			first = false;
		}
	if (r->month_days & RETAIN_LAST_DAY)
		add(t, first ? "" : ",", "last");
}

void policy_rule_text(enum rule_kind kind, const struct retention_rule *r, char *out, size_t size)
{
	struct text t = { out, size, 0 };
	char count[16];

	snprintf(count, sizeof(count), "%u", r->count);
	add(&t, "", r->count ? count : "none");
	if (!r->count || kind == RULE_DAILY)
		return;
	add(&t, ":", "");
	if (kind == RULE_WEEKLY) {
		add_names(&t, r->weekdays, policy_day_names, 7);
		return;
	}
	if (kind == RULE_YEARLY) {
		add_names(&t, r->months, policy_month_names, 12);
		add(&t, ":", "");
	}
	add_of_month(&t, r);
}
