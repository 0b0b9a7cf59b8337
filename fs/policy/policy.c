/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/policy/policy.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

void policy_clear(struct policy *p)
{
	zone_free(p->zone);
	*p = (struct policy){ .number = 0 };
}

void policy_list_free(struct policy *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		policy_clear(&list[i]);
	free(list);
}

static int check_name(const char *name, struct error *err)
{
	bool ok = isalnum((unsigned char)name[0]);

	for (const char *c = name; *c && ok; c++)
		ok = isalnum((unsigned char)*c) || *c == '-' || *c == '_' || *c == '.';
	if (ok)
		return 0;
	error_set(err, EINVAL, "'%s' is no name for a policy", name);
	error_next(err, "Names have 1 to %u letters, digits, '-', '_' and '.', and begin with a letter or a digit.",
		   POLICY_NAME_TEXT - 1);
	return -EINVAL;
}

static int check_hourly(const struct policy *p, struct error *err)
{
	if (!p->enhanced) {
		error_set(err, EINVAL, "a standard policy runs daily or weekly");
		error_next(err, "For several backups a day take an enhanced one: --enhanced --every 4");
		return -EINVAL;
	}
	if (p->interval_hours != 4 && p->interval_hours != 6 && p->interval_hours != 8 && p->interval_hours != 12)
		return error_set(err, EINVAL, "backups every %u hours: it is 4, 6, 8 or 12", p->interval_hours);
	if (p->window_hours < 4 || p->window_hours > 24)
		return error_set(err, EINVAL, "a window of %u hours: it is from 4 to 24", p->window_hours);
	return 0;
}

static int check_schedule(const struct policy *p, struct error *err)
{
	if (p->minute >= 1440 || p->minute % 30) {
		error_set(err, EINVAL, "backups at %02u:%02u: times are half hours", p->minute / 60, p->minute % 60);
		error_next(err, "for instance --at 02:00 or --at 23:30");
		return -EINVAL;
	}
	if (p->frequency == POLICY_WEEKLY && !p->weekdays)
		return error_set(err, EINVAL, "a weekly policy names no day of the week");
	return p->frequency == POLICY_HOURLY ? check_hourly(p, err) : 0;
}

/* Azure has daily points from daily backups alone, and rules that no backup can meet are mistakes. */
static int check_fit(const struct policy *p, struct error *err)
{
	const struct retention *r = &p->rules;
	unsigned most = p->enhanced ? 30 : 5;

	if (p->frequency == POLICY_WEEKLY ? !r->weekly.count : !r->daily.count)
		return error_set(err, EINVAL, "%s backups, but no %s retention", p->frequency == POLICY_WEEKLY ?
				 "weekly" : "daily", p->frequency == POLICY_WEEKLY ? "weekly" : "daily");
	if (p->frequency == POLICY_WEEKLY && r->daily.count)
		return error_set(err, EINVAL, "daily retention, but weekly backups");
	if (p->frequency == POLICY_WEEKLY && r->weekly.weekdays != p->weekdays)
		return error_set(err, EINVAL, "weekly backups and weekly retention name different days");
	if (!p->snapshot_days || p->snapshot_days > most)
		return error_set(err, EINVAL, "snapshots kept for %u days: it is from 1 to %u", p->snapshot_days, most);
	if (r->daily.count && r->daily.count < p->snapshot_days)
		return error_set(err, EINVAL, "points kept for %u days, snapshots for %u: it cannot be less",
				 r->daily.count, p->snapshot_days);
	return 0;
}

int policy_check(struct policy *p, struct error *err)
{
	int rc = check_name(p->name, err);

	rc = rc ? rc : check_schedule(p, err);
	rc = rc ? rc : retention_check(&p->rules, err);
	rc = rc ? rc : check_fit(p, err);
	if (rc)
		return rc;
	zone_free(p->zone);
	p->zone = zone_open(p->time_zone, err);
	p->rules.zone = p->zone;
	if (p->zone)
		return 0;
	return err ? -err->code : -ENOENT;
}

int policy_default(struct policy *out, struct error *err)
{
	*out = (struct policy){ .name = POLICY_DEFAULT, .minute = 120, .snapshot_days = 2, .time_zone = "UTC",
				.rules.daily.count = 30 };
	return policy_check(out, err);
}

int policy_enhanced(struct policy *out, struct error *err)
{
	*out = (struct policy){ .name = "EnhancedPolicy", .enhanced = true, .frequency = POLICY_HOURLY, .minute = 480,
				.interval_hours = 4, .window_hours = 24, .snapshot_days = 7, .time_zone = "UTC",
				.rules.daily.count = 180 };
	return policy_check(out, err);
}

void policy_retention(const struct policy *p, const struct item *it, struct retention *out)
{
	*out = (struct retention){ .zone = NULL };
	if (it->unreadable || it->state != ITEM_PROTECTED || !p) {
		out->all = true;
		out->all_until = !it->unreadable && it->state == ITEM_DELETED ? it->delete_after : 0;
		out->all_words = it->unreadable ? "the item's record cannot be read" :
				 it->state == ITEM_STOPPED ? "protection is stopped: its points stay" :
				 it->state == ITEM_DELETED ? "the item is deleted" : "its policy is gone or cannot be read";
		return;
	}
	*out = p->rules;
	out->zone = p->zone;
	if (p->frequency == POLICY_HOURLY)
		out->snapshot_days = p->snapshot_days;
}
