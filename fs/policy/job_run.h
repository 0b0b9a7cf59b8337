/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The job that this process is at: begun, shown to be alive by a thread of its
 * own, and ended once.  What others ask of it (cancel) or did to it (took it
 * for dead and ended it) is told by job_run_check().
 * FORMAT.md, section "Jobs".
 */
#ifndef ADE_FS_POLICY_JOB_RUN_H
#define ADE_FS_POLICY_JOB_RUN_H

#include "fs/policy/job.h"

#define JOB_BEAT_SECONDS 60
#define JOB_LOOK_SECONDS 3	/* how often it looks whether it shall stop */

struct job_run;

struct job_want {
	enum job_operation operation;
	const char *vm;		/* NULL: the whole vault */
	const char *point;	/* NULL: none yet */
	const char *task;	/* the first; borrowed for the call */
	bool scheduled;
	int64_t slot;		/* scheduled: the store time at which it was due */
};

/* NULL with words: EALREADY (scheduled backups: one that was begun since that slot
 * worked or was cancelled), EBUSY (backups: another one of that VM is under way), EACCES
 * and EROFS (the store takes no records), what else the store says.  Dead
 * backups of that VM are settled first. */
struct job_run *job_run_begin(struct vault *v, const struct job_want *want, struct error *err);

/* All of these take NULL, and are for any thread. */
void job_run_task(struct job_run *r, const char *name);		/* the one before is complete; names the same: nothing */
void job_run_point(struct job_run *r, const char *point);
void job_run_warn(struct job_run *r, const struct error *warning);
/* To be called often: how far it is.  0; -ECANCELED: somebody asked for it;
 * -ESTALE: it was taken for dead and ended.  Whoever slept is told before it
 * does anything more. */
int job_run_progress(struct job_run *r, uint64_t done, uint64_t total, uint64_t new_bytes);
int job_run_check(struct job_run *r);
/* The same before what cannot be taken back: it asks the store. */
int job_run_look(struct job_run *r);

/* The last word: COMPLETED (or with warnings, if there are any), CANCELLED
 * (-ECANCELED, -EINTR) or FAILED by rc and err.  Frees r; *last (may be NULL) is what was put,
 * or what another put before.  0 or -errno with words in `words`. */
int job_run_end(struct job_run *r, int rc, const struct error *err, struct job_record *last, struct error *words);

#endif
