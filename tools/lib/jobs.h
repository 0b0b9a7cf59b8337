/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs as commands show them and are one: begun when the vault is open, ended
 * with the command's own result, told to --notify.
 */
#ifndef ADE_TOOLS_LIB_JOBS_H
#define ADE_TOOLS_LIB_JOBS_H

#include "fs/policy/job_run.h"
#include "tools/lib/options.h"
#include "tools/lib/report.h"

/* What adebackup-json(5) lists under "jobs show". */
json_t *job_json(const struct job_record *j);
void job_print_line(const struct job_record *j);	/* one line of a list */
void job_print(const struct job_record *j);		/* all of it, for people */

/* Where the store takes no records (read only), *run is NULL and that is no
 * error, but for a backup.  0 or -errno with words. */
int job_begin_for(struct vault *v, const struct job_want *want, struct job_run **run, struct error *err);

/* rc and err: what the command came to; the words of an error that is told
 * better by the job (cancelled, taken for dead) are replaced.  Then --notify is
 * run.  Returns rc; *last (may be NULL): the job as it ended. */
int job_end_for(struct job_run *run, const struct options *o, const struct report *report, int rc,
		struct job_record *last, struct error *err);

/* Run `sh -c command` with the job as JSON on its standard input; what it
 * prints goes to standard error.  Killed with all that it started after
 * `seconds`.  0; -ETIMEDOUT, -EIO (it failed), … with words. */
int job_notify(const char *command, const struct job_record *j, unsigned seconds, struct error *err);

#endif
