/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the retention rules say of points, for tests that calculate it themselves:
 *	retention-plan [daily=N] [weekly=N,WEEKDAYS] [monthly=N,WEEKDAYS,WEEKS,MONTHDAYS]
 *		[yearly=N,WEEKDAYS,WEEKS,MONTHDAYS,MONTHS] [keep=LAST,DAILY,WEEKLY,MONTHLY,YEARLY] [zone=NAME]
 * with the bit masks of fs/policy/retention.h.  Reads blocks from standard input:
 * "now N POINTS", then a line "TIME RETAIN_UNTIL SOUND PROVEN HELD" for each; prints for
 * each "0|1 EXPIRES REASON WORDS" (EXPIRES "never" where counts decide, or nothing does).
 * "offset N" prints the zone's seconds east of UTC then; with snapshot=DAYS and
 * schedule=FREQUENCY,MINUTE,WEEKDAYS,INTERVAL,WINDOW "due LAST NOW" prints the next backup's time.
 */
#include "fs/policy/policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int take_rule(struct retention_rule *r, const char *text, bool weekly)
{
	unsigned n[5] = { 0 };

	if (sscanf(text, "%u,%u,%u,%u,%u", &n[0], &n[1], &n[2], &n[3], &n[4]) < 1)
		return -1;
	*r = (struct retention_rule){ .count = n[0], .weekdays = (uint8_t)n[1], .weeks = (uint8_t)n[2],
				      .month_days = n[3], .months = (uint16_t)n[4] };
	return weekly && !r->weekdays ? -1 : 0;
}

static int take_schedule(struct policy *p, const char *text)
{
	unsigned frequency, weekdays;

	if (sscanf(text, "%u,%u,%u,%u,%u", &frequency, &p->minute, &weekdays, &p->interval_hours, &p->window_hours) != 5)
		return -1;
	p->frequency = (enum policy_frequency)frequency;
	p->weekdays = (uint8_t)weekdays;
	return 0;
}

static int take(struct policy *p, const char *arg, struct error *err)
{
	struct retention *r = &p->rules;

	if (!strncmp(arg, "schedule=", 9))
		return take_schedule(p, arg + 9);
	if (!strncmp(arg, "snapshot=", 9))
		return sscanf(arg + 9, "%u", &r->snapshot_days) == 1 ? 0 : -1;
	if (!strncmp(arg, "daily=", 6))
		return take_rule(&r->daily, arg + 6, false);
	if (!strncmp(arg, "weekly=", 7))
		return take_rule(&r->weekly, arg + 7, true);
	if (!strncmp(arg, "monthly=", 8))
		return take_rule(&r->monthly, arg + 8, false);
	if (!strncmp(arg, "yearly=", 7))
		return take_rule(&r->yearly, arg + 7, false);
	if (!strncmp(arg, "keep=", 5))
		return sscanf(arg + 5, "%u,%u,%u,%u,%u", &r->keep.last, &r->keep.daily, &r->keep.weekly, &r->keep.monthly,
			      &r->keep.yearly) == 5 ? 0 : -1;
	if (strncmp(arg, "zone=", 5))
		return -1;
	r->zone = p->zone = zone_open(arg + 5, err);
	return p->zone ? 0 : -1;
}

static int one_block(const struct retention *r, int64_t now, size_t n)
{
	AUTO(free) struct retained_point *p = calloc(n + 1, sizeof(*p));

	for (size_t i = 0; p && i < n; i++) {
		int sound, proven, held;

		if (scanf("%" SCNd64 " %" SCNd64 " %d %d %d", &p[i].time, &p[i].retain_until, &sound, &proven, &held) != 5)
			return 1;
		p[i].sound = sound;
		p[i].proven = proven;
		p[i].held = held;
		p[i].order = (int64_t)i;
	}
	if (!p || retention_decide(r, p, n, now) < 0)
		return 1;
	for (size_t i = 0; i < n; i++) {
		char expires[32] = "never";

		if (p[i].expires != INT64_MAX)
			snprintf(expires, sizeof(expires), "%" PRId64, p[i].expires);
		printf("%d %s %d %s\n", p[i].keep, expires, (int)p[i].reason, p[i].words);
	}
	fflush(stdout);
	return 0;
}

static int answer(const struct policy *p, const char *word, int64_t first)
{
	int64_t now;
	size_t n;

	if (!strcmp(word, "offset")) {
		printf("%d\n", (int)zone_offset(p->zone, first));
		return 0;
	}
	if (!strcmp(word, "due")) {
		if (scanf("%" SCNd64, &now) != 1)
			return 1;
		printf("%" PRId64 "\n", policy_next_due(p, first, now));
		fflush(stdout);
		return 0;
	}
	return scanf("%zu", &n) != 1 || n > 1000000 || one_block(&p->rules, first, n);
}

int main(int argc, char **argv)
{
	__attribute__((cleanup(policy_clear_cleanup))) struct policy p = { .number = 0 };
	struct error err = ERROR_INIT;
	char word[16];
	int64_t first;
	int rc = 0;

	for (int i = 1; i < argc; i++)
		if (take(&p, argv[i], &err) < 0) {
			fprintf(stderr, "%s: %s\n", argv[i], err.text);
			return 2;
		}
	if (retention_check(&p.rules, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 2;
	}
	while (!rc && scanf("%15s %" SCNd64, word, &first) == 2)
		rc = answer(&p, word, first);
	return rc;
}
