/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vault's state for people: items, their last points, what was done, how much
 * is stored, and what somebody has to look at, alerts first.  One page of
 * HTML that needs nothing else.
 */
#ifndef ADE_TOOLS_LIB_VAULT_REPORT_H
#define ADE_TOOLS_LIB_VAULT_REPORT_H

#include "fs/policy/due.h"
#include "fs/util/json.h"

#define REPORT_DAYS 14u		/* of each VM's history in its row */
#define REPORT_JOBS 100u	/* newest ones, shown one by one */

enum report_level { REPORT_RED, REPORT_AMBER, REPORT_INFO };

struct report_alert {
	enum report_level level;
	char vm[128];		/* empty: the vault */
	char text[512];
};

/* A VM that is an item, or has points, or both. */
struct report_vm {
	char vm[128], vm_id[VM_ID_TEXT];
	const struct due_item *item;	/* NULL: not protected.  Borrowed, like last_job */
	size_t points;
	int64_t first, last;		/* store times of its points; 0: none */
	bool proven, damaged;		/* the newest */
	char proof_words[256];
	uint64_t disk_bytes;		/* of its disks */
	const struct job_record *last_job;	/* newest backup; NULL: none */
	enum job_state day[REPORT_DAYS];	/* of the last backup that ended that day, today last */
	bool day_any[REPORT_DAYS];
};

/* Bytes of segments that came on that day and are still there. */
struct report_day {
	int64_t day;		/* since 1970 */
	uint64_t bytes;
};

struct vault_report {
	struct due_list due;		/* owned, as all that follows */
	struct job_record *job;		/* newest first; of older ones only what is told here */
	size_t n_jobs, all_jobs;
	struct report_vm *vm;		/* by name */
	size_t n_vms, points, segments;
	uint64_t bytes;			/* of segments */
	struct report_day *day;		/* ascending */
	size_t n_days;
	struct report_alert *alert;	/* the worst first */
	size_t n_alerts;
	int64_t verified;		/* when the last verify of the whole vault ended; 0: never */
	int64_t pruned;
};

/* 0 or -errno with words.  Clear *out in either case. */
int vault_report_take(struct vault *v, struct vault_report *out, struct error *err);
void vault_report_clear(struct vault_report *r);
static inline void vault_report_clear_cleanup(struct vault_report *r) { vault_report_clear(r); }

/* Write the page; address: the vault's, without secrets.  What is at path is
 * replaced when the page is whole.  0 or -errno with words. */
int vault_report_write(const struct vault_report *r, const struct vault *v, const char *address, const char *path,
		       struct error *err);
json_t *vault_report_json(const struct vault_report *r);
const char *report_level_name(enum report_level level);		/* "red", "amber", "info" */

#endif
