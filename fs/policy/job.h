/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs: what was done to a vault, by whom, how far it is and what came of it.
 * Each is numbered within its VM; the store gives a number to one alone, so
 * that a VM is never backed up twice at once, on whichever host.  Records are
 * put, never changed; the one named .end is the last word.
 * FORMAT.md, section "Jobs".
 */
#ifndef ADE_FS_POLICY_JOB_H
#define ADE_FS_POLICY_JOB_H

#include "fs/vault/vault.h"

#define JOB_ID_TEXT 40u			/* "<vm id>-<number>" */
#define JOB_WHOLE_VAULT "0000000000000000"	/* in place of a VM's id */
#define JOB_TASKS_MAX 4u
#define JOB_WARNINGS_MAX 4u
#define JOB_SILENT 900			/* seconds of store time without a sign after which a job is dead */
#define JOB_KEPT (400 * 86400)		/* so long records of jobs that ended are kept */

enum job_operation { JOB_BACKUP, JOB_RESTORE, JOB_VERIFY, JOB_PRUNE };
enum job_state { JOB_IN_PROGRESS, JOB_COMPLETED, JOB_WARNINGS, JOB_FAILED, JOB_CANCELLING, JOB_CANCELLED };

struct job_task {
	char name[32];		/* "Take Snapshot" */
	enum job_state state;
	int64_t begun, ended;	/* store time, seconds since 1970; ended 0: not yet */
};

struct job_words {
	char text[384], next[256];	/* what, and what to do; next may be empty */
};

struct job_record {
	char vm_id[VM_ID_TEXT];		/* JOB_WHOLE_VAULT: of no VM alone */
	uint64_t number;		/* within it, from 1 */
	enum job_operation operation;
	enum job_state state;
	char vm[128];			/* its name; may be empty */
	char point[17];			/* that was made, or worked on; may be empty */
	bool scheduled;			/* started by a policy, not by a person */
	bool died;			/* FAILED: its process ended without a word */
	int64_t begun, ended;		/* store time; ended 0: not yet */
	int64_t seen;			/* store time of the newest record; job_list() sets these two */
	bool open;			/* its last word is not there yet: it runs, or has died */
	bool dead;			/* nobody is at it any more; job_settle() is due */
	int64_t left;			/* seconds that it will still take; -1: cannot be told */
	uint64_t done_bytes, total_bytes, new_bytes;
	char host[64], alive[96];	/* where it runs; alive: see job_alive.h */
	int64_t pid;
	struct job_task task[JOB_TASKS_MAX];
	size_t n_tasks;
	struct job_words warning[JOB_WARNINGS_MAX];
	size_t n_warnings, more_warnings;	/* kept, left out */
	char code[64];			/* FAILED: Azure Backup's name for the error, where it has one */
	struct job_words error;
};

const char *job_operation_name(enum job_operation o);		/* "Backup" */
const char *job_state_name(enum job_state s);			/* "CompletedWithWarnings" */
void job_id(const struct job_record *j, char out[JOB_ID_TEXT]);
static inline bool job_has_ended(const struct job_record *j)
{
	return j->state != JOB_IN_PROGRESS && j->state != JOB_CANCELLING;
}
/* In per cent; -1: cannot be told. */
int job_percent(const struct job_record *j);

/* Text of a record, malloc'ed, and back; hostile input: -EBADMSG.  The name's
 * parts, vm_id and number, are not in the text and are left alone; so are seen, open and dead. */
char *job_to_json(const struct job_record *j);
int job_from_json(const void *text, size_t len, struct job_record *j);

/* Words of an error, cut to fit and made UTF-8; the code that Azure Backup has
 * for it, and its recommendation where the error has none. */
void job_set_error(struct job_record *j, const struct error *err);
void job_copy_text(char *to, size_t size, const char *from);

/* All jobs of a VM (NULL: of the vault and all VMs), by VM and number.  Those
 * that died are FAILED here, without writing; a request to cancel shows as
 * CANCELLING.  *list is malloc'ed.  0 or -errno with words. */
int job_list(struct vault *v, const char *vm_id, struct job_record **list, size_t *n, struct error *err);

/* As job_list() of all, but only what tells how things are: jobs under way or of which something was put since
 * `since`, the newest `least` at any rate; each VM's newest backup, the last verify and the last prune of the
 * whole vault that worked.  *all: how many jobs there are. */
int job_list_recent(struct vault *v, int64_t since, size_t least, struct job_record **list, size_t *n, size_t *all,
		    struct error *err);

/* Put down that the job has died, after seeing to it that its session cannot
 * commit any more; or that its point is there after all.  *j becomes what was
 * put, or what the job said itself meanwhile. */
int job_settle(struct vault *v, struct job_record *j, struct error *err);

/* What a VM's scheduled backups, or the vault's prunes, came to, as far as it matters for the next. */
struct job_past {
	char vm_id[VM_ID_TEXT];
	int64_t done;		/* store time at which the last that worked, or was cancelled, began; 0: none */
	int64_t failed, failed_begun;	/* ended and begun: the newest since then that failed; 0: none */
	unsigned failures;	/* since then, one after the other */
	bool died;		/* that newest one died */
	bool running;		/* a backup is under way, scheduled or not */
};

/* Of all VMs that have jobs, by id.  As few records are read as will do. */
int job_past_list(struct vault *v, struct job_past **list, size_t *n, struct error *err);
const struct job_past *job_past_find(const struct job_past *list, size_t n, const char *vm_id);

/* Ask it to stop.  -EALREADY: it has ended. */
int job_cancel(struct vault *v, const struct job_record *j, struct error *err);

/* Settle the dead, and take away what is older than JOB_KEPT of jobs that ended, but the newest
 * backup that worked of each VM and its newest job; *n is counted up. */
int job_drop_old(struct vault *v, uint64_t *n, struct error *err);

/* Object names of FORMAT.md: "job/<id>.<what>". */
void job_object(const struct job_record *j, const char *what, char out[96]);
void job_object_number(const struct job_record *j, uint64_t record, char out[96]);

#endif
