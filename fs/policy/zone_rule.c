/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/policy/zone_rule.h"
#include "fs/policy/zone.h"

#include <string.h>

#define DAY 86400

static bool number(const char **p, unsigned max, unsigned *out)
{
	if (**p < '0' || **p > '9')
		return false;
	for (*out = 0; **p >= '0' && **p <= '9'; (*p)++) {
		*out = *out * 10 + (unsigned)(**p - '0');
		if (*out > max)
			return false;
	}
	return true;
}

/* "CET" or "<+03>" */
static bool skip_name(const char **p)
{
	const char *begin = *p;

	if (**p == '<') {
		*p = strchr(*p, '>');
		return *p && (*p)++;
	}
	while ((**p >= 'A' && **p <= 'Z') || (**p >= 'a' && **p <= 'z'))
		(*p)++;
	return *p - begin >= 3;
}

/* "[+-]hh[:mm[:ss]]", hours up to 167 */
static bool clock_time(const char **p, int32_t *out)
{
	unsigned hour, minute = 0, second = 0;
	bool minus = **p == '-';

	if (**p == '-' || **p == '+')
		(*p)++;
	if (!number(p, 167, &hour))
		return false;
	if (**p == ':' && ((*p)++, !number(p, 59, &minute)))
		return false;
	if (**p == ':' && ((*p)++, !number(p, 59, &second)))
		return false;
	*out = (int32_t)(hour * 3600 + minute * 60 + second) * (minus ? -1 : 1);
	return true;
}

/* ",M3.5.0/2" */
static bool when(const char **p, struct zone_when *w)
{
	bool ok;

	*w = (struct zone_when){ .time = 2 * 3600, .form = 'D' };
	if (*(*p)++ != ',')
		return false;
	if (**p == 'M') {
		(*p)++;
		w->form = 'M';
		ok = number(p, 12, &w->month) && w->month && *(*p)++ == '.' && number(p, 5, &w->week) && w->week &&
		     *(*p)++ == '.' && number(p, 6, &w->day);
	} else if (**p == 'J') {
		(*p)++;
		w->form = 'J';
		ok = number(p, 365, &w->day) && w->day;
	} else {
		ok = number(p, 365, &w->day);
	}
	if (ok && **p == '/')
		ok = ((*p)++, clock_time(p, &w->time));
	return ok;
}

bool zone_rule_parse(const char *text, struct zone_rule *r)
{
	const char *p = text;
	int32_t west;

	*r = (struct zone_rule){ .has_summer = false };
	if (!skip_name(&p) || !clock_time(&p, &west))
		return false;
	r->standard = -west;
	if (!*p)
		return true;
	r->has_summer = true;
	r->summer = r->standard + 3600;
	if (!skip_name(&p))
		return false;
	if (*p != ',') {
		if (!clock_time(&p, &west))
			return false;
		r->summer = -west;
	}
	return when(&p, &r->begin) && when(&p, &r->end) && !*p;
}

/* Local seconds, as if UTC, of that moment of a year. */
static int64_t moment(const struct zone_when *w, int64_t year)
{
	int64_t first = civil_to_days(year, w->form == 'M' ? w->month : 1, 1), day = first + w->day;
	bool leap = civil_month_days(year, 2) == 29;

	if (w->form == 'J')
		day = first + w->day - 1 + (leap && w->day >= 60);
	if (w->form == 'M') {
		day = first + (w->day + 7 - civil_weekday(first)) % 7 + (w->week - 1) * 7;
		while (day >= first + civil_month_days(year, w->month))
			day -= 7;	/* the fifth is the last */
	}
	return day * DAY + w->time;
}

int32_t zone_rule_offset(const struct zone_rule *r, int64_t utc)
{
	int64_t year, begin, end;

	if (!r->has_summer)
		return r->standard;
	year = civil_from_days((utc + r->standard) / DAY - ((utc + r->standard) % DAY < 0)).year;
	begin = moment(&r->begin, year) - r->standard;
	end = moment(&r->end, year) - r->summer;
	if (begin < end)
		return utc >= begin && utc < end ? r->summer : r->standard;
	return utc >= begin || utc < end ? r->summer : r->standard;
}
