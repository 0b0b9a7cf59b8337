/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rule that a time zone follows for ever: POSIX's TZ string, as in the
 * footer of TZif files ("CET-1CEST,M3.5.0,M10.5.0/3").  Private to fs/policy.
 */
#ifndef ADE_FS_POLICY_ZONE_RULE_H
#define ADE_FS_POLICY_ZONE_RULE_H

#include <stdbool.h>
#include <stdint.h>

struct zone_when {
	char form;		/* 'M': month, week, weekday; 'J': day 1 to 365, no leap day; 'D': day 0 to 365 */
	unsigned month, week, day;
	int32_t time;		/* seconds of local time after that day's begin; may be negative */
};

struct zone_rule {
	int32_t standard, summer;	/* seconds east of UTC */
	bool has_summer;
	struct zone_when begin, end;	/* of summer time */
};

bool zone_rule_parse(const char *text, struct zone_rule *out);	/* false: it is none */
int32_t zone_rule_offset(const struct zone_rule *r, int64_t utc);

#endif
