/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a vault's report.  Private to tools/lib/vault_report*.c. */
#ifndef ADE_TOOLS_LIB_VAULT_REPORT_PRIVATE_H
#define ADE_TOOLS_LIB_VAULT_REPORT_PRIVATE_H

#include "tools/lib/vault_report.h"

#include <stdio.h>

/* What somebody has to look at, from all else in r. */
int vault_report_alerts(struct vault_report *r, struct error *err);

/* Text that came from elsewhere, whatever it looks like. */
void report_put(FILE *f, const char *text);
/* "2026-11-26 20:00", or the date alone; time 0: a dash. */
void report_time(FILE *f, int64_t time);
void report_date(int64_t day, char out[16]);

/* How much is stored, over time, as SVG. */
void report_plot(FILE *f, const struct vault_report *r);
/* The tables of items, policies and jobs. */
void report_tables(FILE *f, const struct vault_report *r);

#endif
