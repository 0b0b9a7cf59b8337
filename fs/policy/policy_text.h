/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies as people write them in options, and as Azure Backup's JSON.
 *
 *	DAYS	Sunday,Wednesday | Sun,Wed
 *	DAY	1,15,last (days of the month) | first,third-Sunday,Monday (weeks and days)
 *	daily	30			days
 *	weekly	12:DAYS			weeks
 *	monthly	60:DAY			months
 *	yearly	10:January,July:DAY	years
 * and "none" for each: no such rule.
 */
#ifndef ADE_FS_POLICY_POLICY_TEXT_H
#define ADE_FS_POLICY_POLICY_TEXT_H

#include "fs/policy/policy.h"

enum rule_kind { RULE_DAILY, RULE_WEEKLY, RULE_MONTHLY, RULE_YEARLY, N_RULES };

/* Names in any case; days also by three letters.  0 or -EINVAL with words. */
int policy_days_parse(const char *text, uint8_t *weekdays, struct error *err);
int policy_time_parse(const char *text, unsigned *minute, struct error *err);	/* "02:30" */
int policy_rule_parse(enum rule_kind kind, const char *text, struct retention_rule *out, struct error *err);
/* The same text again; "none". */
void policy_days_text(uint8_t weekdays, char *out, size_t size);
void policy_rule_text(enum rule_kind kind, const struct retention_rule *r, char *out, size_t size);

struct retention_rule *policy_rule(struct retention *r, enum rule_kind kind);
const char *policy_rule_name(enum rule_kind kind);	/* "daily" */

/* One of the names; 0 to n - 1, or -1.  Case does not matter. */
int policy_name_of(const char *const *names, unsigned n, const char *text, size_t len);
extern const char *const policy_day_names[7], *const policy_week_names[5], *const policy_month_names[12];

/*
 * Azure's JSON of a policy for VMs ({"properties": {…}}, or what stands in it),
 * V1 or V2.  Its times are UTC; the policy's are those of its zone at that date.
 * The name is not in it.  What is no policy for VMs: -EINVAL, -ENOTSUP with words.
 */
int policy_from_azure(const struct jval *doc, struct policy *out, struct error *err);
/* now: for the dates that Azure wants beside the times.  NULL: no memory. */
struct jval *policy_to_azure(const struct policy *p, int64_t now);

#endif
