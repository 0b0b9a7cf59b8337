/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/point.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DAY 86400
#define YEAR_MAX 9999

struct civil { int64_t year; unsigned month, day, hour, minute, second; };

/* Days since 1970-01-01 of a day of the Gregorian calendar: years begin in
 * March, so that the leap day is the last of its year. */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
	int64_t y = month <= 2 ? year - 1 : year, era = y / 400;
	unsigned of_era = (unsigned)(y - era * 400), shifted = month > 2 ? month - 3 : month + 9;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * shifted + 2) / 5 + day - 1 -
	       719468;
}

static void civil_of(int64_t time, struct civil *c)
{
	int64_t days = time / DAY + 719468, era = days / 146097;
	unsigned rest = (unsigned)(time % DAY), day = (unsigned)(days - era * 146097);
	unsigned year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	unsigned of_year = day - (365 * year + year / 4 - year / 100), shifted = (5 * of_year + 2) / 153;

	c->day = of_year - (153 * shifted + 2) / 5 + 1;
	c->month = shifted < 10 ? shifted + 3 : shifted - 9;
	c->year = era * 400 + year + (c->month <= 2);
	c->hour = rest / 3600;
	c->minute = rest / 60 % 60;
	c->second = rest % 60;
}

static unsigned month_days(int64_t year, unsigned month)
{
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 ? 28u + leap : 30u + ((month + month / 8) & 1u);
}

void point_time_text(int64_t time, char out[POINT_TIME_TEXT])
{
	struct civil c;

	civil_of(time < 0 ? 0 : time, &c);
	if (c.year > YEAR_MAX)
		c.year = YEAR_MAX;
	snprintf(out, POINT_TIME_TEXT, "%04u%02u%02uT%02u%02u%02uZ", (unsigned)c.year % 10000, c.month % 100,
		 c.day % 100, c.hour % 100, c.minute % 100, c.second % 100);
}

/* n digits; false when they are not there. */
static bool digits(const char **p, int n, unsigned *out)
{
	*out = 0;
	for (int i = 0; i < n; i++, (*p)++) {
		if (**p < '0' || **p > '9')
			return false;
		*out = *out * 10 + (unsigned)(**p - '0');
	}
	return true;
}

static bool letter(const char **p, const char *any)
{
	if (!**p || !strchr(any, **p))
		return false;
	(*p)++;
	return true;
}

/* "Z", or "+01:00"; seconds to take away. */
static bool zone(const char **p, int64_t *shift)
{
	unsigned hour, minute;
	bool minus = **p == '-';

	*shift = 0;
	if (letter(p, "Zz"))
		return true;
	if (!letter(p, "+-") || !digits(p, 2, &hour) || !letter(p, ":") || !digits(p, 2, &minute) ||
	    hour > 23 || minute > 59)
		return false;
	*shift = (int64_t)(hour * 3600 + minute * 60) * (minus ? -1 : 1);
	return true;
}

int point_time_parse(const char *text, int64_t *time)
{
	const char *p = text;
	unsigned year, month, day, hour, minute, second, fraction;
	int64_t shift;
	bool dashes, ok = digits(&p, 4, &year);

	dashes = ok && *p == '-';
	ok = ok && (!dashes || letter(&p, "-")) && digits(&p, 2, &month) && (!dashes || letter(&p, "-")) &&
	     digits(&p, 2, &day) && letter(&p, "Tt ") && digits(&p, 2, &hour) && (!dashes || letter(&p, ":")) &&
	     digits(&p, 2, &minute) && (!dashes || letter(&p, ":")) && digits(&p, 2, &second);
	if (ok && dashes && letter(&p, "."))
		for (ok = digits(&p, 1, &fraction); ok && *p >= '0' && *p <= '9';)
			p++;
	ok = ok && (dashes ? zone(&p, &shift) : letter(&p, "Z")) && !*p;
	if (!dashes)
		shift = 0;
	if (!ok || year < 1970 || !month || month > 12 || !day || day > month_days(year, month) || hour > 23 ||
	    minute > 59 || second > 60)
		return -EINVAL;
	*time = days_of(year, month, day) * DAY + hour * 3600 + minute * 60 + second - shift;
	return *time < 0 ? -EINVAL : 0;
}
