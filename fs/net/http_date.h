/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times as servers write them: RFC 9110's IMF-fixdate ("Sun, 06 Nov 1994
 * 08:49:37 GMT") and RFC 3339 in UTC ("2009-10-12T17:50:30.000Z").  Locales
 * and time zones of this machine have no say.
 */
#ifndef ADE_FS_NET_HTTP_DATE_H
#define ADE_FS_NET_HTTP_DATE_H

#include <stddef.h>
#include <stdint.h>

#define HTTP_DATE_TEXT 30	/* with NUL */
#define AMZ_DATE_TEXT 17	/* "20130524T000000Z" and NUL */

/* Either form; seconds since 1970.  0 or -EINVAL. */
int http_date_parse(const char *text, int64_t *seconds);

/* IMF-fixdate; years 1970 to 9999. */
void http_date_print(int64_t seconds, char out[HTTP_DATE_TEXT]);

/* RFC 3339's basic form, as Amazon's signatures want it. */
void amz_date_print(int64_t seconds, char out[AMZ_DATE_TEXT]);

#endif
