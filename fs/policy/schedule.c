/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/policy/policy.h"

#define DAY 86400
#define HOUR 3600

static int64_t local_day(const struct policy *p, int64_t instant)
{
	int64_t local = instant + zone_offset(p->zone, instant);

	return local / DAY - (local % DAY < 0);
}

static bool is_day_of(const struct policy *p, int64_t day)
{
	return p->frequency != POLICY_WEEKLY || p->weekdays >> civil_weekday(day) & 1;
}

static unsigned slots_a_day(const struct policy *p)
{
	return p->frequency == POLICY_HOURLY ? (p->window_hours + p->interval_hours - 1) / p->interval_hours : 1;
}

/* Within a window the hours are those that pass, not those that clocks show. */
static int64_t slot(const struct policy *p, int64_t day, unsigned k)
{
	return zone_to_utc(p->zone, day * DAY + (int64_t)p->minute * 60) + (int64_t)k * p->interval_hours * HOUR;
}

int64_t policy_slot_after(const struct policy *p, int64_t instant)
{
	/* A window of the day before may reach into this one; a week has a day of every kind. */
	for (int64_t day = local_day(p, instant) - 2;; day++)
		for (unsigned k = 0; is_day_of(p, day) && k < slots_a_day(p); k++)
			if (slot(p, day, k) > instant)
				return slot(p, day, k);
}

/* The newest slot that is not later than now; some week has one. */
static int64_t slot_before(const struct policy *p, int64_t now)
{
	for (int64_t day = local_day(p, now) + 1;; day--)
		for (unsigned k = slots_a_day(p); is_day_of(p, day) && k-- > 0;)
			if (slot(p, day, k) <= now)
				return slot(p, day, k);
}

int64_t policy_next_due(const struct policy *p, int64_t last, int64_t now)
{
	int64_t passed = slot_before(p, now);

	return passed > last ? passed : policy_slot_after(p, last > now ? last : now);
}
