/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/net/http_date.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char days[] = "SunMonTueWedThuFriSat";

/* "99" at p into *out; all else is no date. */
static bool two(const char *p, int *out)
{
	if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
		return false;
	*out = (p[0] - '0') * 10 + p[1] - '0';
	return true;
}

static bool year(const char *p, int *out)
{
	int high, low;

	if (!two(p, &high) || !two(p + 2, &low))
		return false;
	*out = high * 100 + low;
	return *out >= 1970;
}

static bool clock_of(const char *p, struct tm *t)
{
	return two(p, &t->tm_hour) && p[2] == ':' && two(p + 3, &t->tm_min) && p[5] == ':' &&
	       two(p + 6, &t->tm_sec) && t->tm_hour < 24 && t->tm_min < 60 && t->tm_sec < 61;
}

static bool month_of(const char *p, struct tm *t)
{
	for (t->tm_mon = 0; t->tm_mon < 12; t->tm_mon++)
		if (!strncmp(p, months + 3 * t->tm_mon, 3))
			return true;
	return false;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static bool fixdate(const char *s, struct tm *t)
{
	return strlen(s) == 29 && s[3] == ',' && s[4] == ' ' && two(s + 5, &t->tm_mday) && s[7] == ' ' &&
	       month_of(s + 8, t) && s[11] == ' ' && year(s + 12, &t->tm_year) && s[16] == ' ' &&
	       clock_of(s + 17, t) && !strcmp(s + 25, " GMT");
}

/* "2009-10-12T17:50:30Z", with or without a fraction */
static bool iso(const char *s, struct tm *t)
{
	size_t fraction = 0;

	if (strlen(s) < 20 || !year(s, &t->tm_year) || s[4] != '-' || !two(s + 5, &t->tm_mon) || s[7] != '-' ||
	    !two(s + 8, &t->tm_mday) || s[10] != 'T' || !clock_of(s + 11, t))
		return false;
	t->tm_mon--;
	if (s[19] == '.')
		fraction = 1 + strspn(s + 20, "0123456789");
	return fraction != 1 && !strcmp(s + 19 + fraction, "Z") && t->tm_mon >= 0 && t->tm_mon < 12;
}

int http_date_parse(const char *text, int64_t *seconds)
{
	struct tm t = { 0 };

	if (!fixdate(text, &t) && !iso(text, &t))
		return -EINVAL;
	if (t.tm_mday < 1 || t.tm_mday > 31)
		return -EINVAL;
	t.tm_year -= 1900;
	*seconds = timegm(&t);
	return 0;
}

void http_date_print(int64_t seconds, char out[HTTP_DATE_TEXT])
{
	time_t at = (time_t)seconds;
	struct tm t = { 0 };

	gmtime_r(&at, &t);
	snprintf(out, HTTP_DATE_TEXT, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT", days + 3 * t.tm_wday,
		 (unsigned)t.tm_mday % 32, months + 3 * t.tm_mon, (unsigned)(t.tm_year + 1900) % 10000,
		 (unsigned)t.tm_hour % 24, (unsigned)t.tm_min % 60, (unsigned)t.tm_sec % 61);
}

void amz_date_print(int64_t seconds, char out[AMZ_DATE_TEXT])
{
	time_t at = (time_t)seconds;
	struct tm t = { 0 };

	gmtime_r(&at, &t);
	snprintf(out, AMZ_DATE_TEXT, "%04u%02u%02uT%02u%02u%02uZ", (unsigned)(t.tm_year + 1900) % 10000,
		 (unsigned)(t.tm_mon + 1) % 13, (unsigned)t.tm_mday % 32, (unsigned)t.tm_hour % 24,
		 (unsigned)t.tm_min % 60, (unsigned)t.tm_sec % 61);
}
