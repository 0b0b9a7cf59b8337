/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/policy/zone.h"

/* Years begin in March here, so that the leap day is the last of its year. */
int64_t civil_to_days(int64_t year, unsigned month, unsigned day)
{
	int64_t y = month <= 2 ? year - 1 : year, era = (y >= 0 ? y : y - 399) / 400;
	unsigned of_era = (unsigned)(y - era * 400), shifted = month > 2 ? month - 3 : month + 9;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * shifted + 2) / 5 + day - 1 - 719468;
}

struct civil_day civil_from_days(int64_t days)
{
	int64_t n = days + 719468, era = (n >= 0 ? n : n - 146096) / 146097;
	unsigned day = (unsigned)(n - era * 146097);
	unsigned year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	unsigned of_year = day - (365 * year + year / 4 - year / 100), shifted = (5 * of_year + 2) / 153;
	struct civil_day c = { .day = of_year - (153 * shifted + 2) / 5 + 1 };

	c.month = shifted < 10 ? shifted + 3 : shifted - 9;
	c.year = era * 400 + year + (c.month <= 2);
	return c;
}

unsigned civil_weekday(int64_t days)
{
	return (unsigned)(((days + 4) % 7 + 7) % 7);
}

unsigned civil_month_days(int64_t year, unsigned month)
{
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 ? 28u + leap : 30u + ((month + month / 8) & 1u);
}
