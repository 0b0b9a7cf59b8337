/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which recovery points live, until when, and why.  A pure calculation: no
 * store, no clock, the same answer for the same input.
 *
 * Two ways that add up, a point lives as long as any of them wants it to:
 *  - Azure Backup's: points of chosen days are kept for so many days, weeks,
 *    months, years.  On each chosen day the daily rule keeps every point, the
 *    others the last one.  The longest rule wins, and a change of rules counts
 *    for points that are there already.
 *  - counts: the newest point of each of the last N days, weeks, months and
 *    years that have any, and the last N points.
 *
 * Whatever they say: the newest sound point stays, and the newest sound one
 * that is proven; a point that was made to be kept until a time lives exactly
 * until then; a held point stays; what cannot be read stays (only a repair may
 * take it away); and without any rule everything stays.
 */
#ifndef ADE_FS_POLICY_RETENTION_H
#define ADE_FS_POLICY_RETENTION_H

#include "fs/policy/zone.h"

#define RETAIN_DAYS_MIN 7u
#define RETAIN_DAYS_MAX 9999u
#define RETAIN_WEEKS_MAX 5163u
#define RETAIN_MONTHS_MAX 1188u
#define RETAIN_YEARS_MAX 99u

#define RETAIN_LAST_DAY 1u		/* bit 0 of month_days */
#define RETAIN_LAST_WEEK (1u << 4)	/* of weeks */

/* One of Azure's rules; count 0: there is no such rule. */
struct retention_rule {
	unsigned count;		/* days, weeks, months or years that a point is kept */
	uint8_t weekdays;	/* bit 0 Sunday … bit 6 Saturday: of weekly; of monthly and yearly by weekday */
	uint8_t weeks;		/* bit 0 first … bit 3 fourth, bit 4 last; 0: by month_days ("Daily" format) */
	uint32_t month_days;	/* bit 1 … bit 31: that day of the month; bit 0: its last day */
	uint16_t months;	/* bit 0 January …: of yearly */
};

struct retention {
	struct retention_rule daily, weekly, monthly, yearly;
	struct { unsigned last, daily, weekly, monthly, yearly; } keep;		/* counts */
	unsigned snapshot_days;		/* several backups a day: each lives so long, and the daily rule too takes the
					 * last of a day alone; 0: one a day */
	bool all;			/* all of it stays until all_until (0: for ever), and goes then, the newest point
					 * too; but for what is held or cannot be read.  Nothing else counts */
	int64_t all_until;
	const char *all_words;		/* why; borrowed; NULL: "no policy says how long" */
	const struct zone *zone;	/* borrowed; whose days are meant; NULL: UTC */
};

enum retained_reason {
	RETAINED_NO_RULE, RETAINED_HELD, RETAINED_UNTIL, RETAINED_RULE, RETAINED_COUNT, RETAINED_NEWEST,
	RETAINED_PROVEN, RETAINED_UNREADABLE,	/* it stays */
	EXPIRED_UNTIL, EXPIRED_RULE, EXPIRED_COUNT, EXPIRED_NO_RULE,	/* it goes */
	RETAINED_ALL, EXPIRED_ALL,		/* it stays, goes with all the others of its VM */
};

struct retained_point {
	int64_t time;		/* store time of the backup, seconds since 1970 */
	int64_t order;		/* tells apart those of one second: the greater is the newer */
	int64_t retain_until;	/* 0: the rules decide */
	bool sound;		/* all of it is there */
	bool proven;
	bool held;
	bool unreadable;	/* of which nothing but its name is known */
	/* Filled by retention_decide(). */
	bool keep;
	enum retained_reason reason;
	int64_t expires;	/* when, if nothing changes; INT64_MAX: counts decide, or never */
	char words[128];	/* why, for people: "yearly: 31 January 2026, kept 10 years" */
};

/* Is every rule one that Azure would take?  0 or -EINVAL with words. */
int retention_check(const struct retention *r, struct error *err);
bool retention_is_empty(const struct retention *r);

/* points[n] of one VM, in any order; now: store time.  0 or -ENOMEM. */
int retention_decide(const struct retention *r, struct retained_point *points, size_t n, int64_t now);

#endif
