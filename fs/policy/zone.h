/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time zones for schedules and retention: by the names of the IANA data base
 * ("Europe/Madrid", read from /usr/share/zoneinfo or $TZDIR), by those that
 * Azure's policies bear ("W. Europe Standard Time"), and UTC.  The process's
 * own TZ does not matter.  TZif: RFC 9636.
 */
#ifndef ADE_FS_POLICY_ZONE_H
#define ADE_FS_POLICY_ZONE_H

#include "crypto/cleanup.h"
#include "crypto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zone;				/* immutable: any number of threads */

/* NULL: ENOENT (no such zone), EBADMSG, … with words. */
struct zone *zone_open(const char *name, struct error *err);
/* From the bytes of a TZif file.  Hostile input. */
struct zone *zone_parse(const void *data, size_t len, struct error *err);
void zone_free(struct zone *z);

/* Seconds east of UTC at that instant; z NULL: UTC. */
int32_t zone_offset(const struct zone *z, int64_t utc);
/* The first instant at which local clocks show `local` (seconds as if it were
 * UTC); where clocks skip it, the instant of the skip plus what was asked beyond it. */
int64_t zone_to_utc(const struct zone *z, int64_t local);

/* The IANA name for one of Azure's; NULL: there is none. */
const char *zone_of_azure(const char *name);
/* Azure's name for either, or for a zone with the same clocks; NULL: it has none. */
const char *zone_to_azure(const char *name);

/* The Gregorian calendar, also before 1970.  weekday: 0 Sunday. */
struct civil_day { int64_t year; unsigned month, day; };
int64_t civil_to_days(int64_t year, unsigned month, unsigned day);	/* since 1970-01-01 */
struct civil_day civil_from_days(int64_t days);
unsigned civil_weekday(int64_t days);
unsigned civil_month_days(int64_t year, unsigned month);

DEFINE_CLEANUP(struct zone *, zone_free);

#endif
