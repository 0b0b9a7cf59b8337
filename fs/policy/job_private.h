/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the list of jobs.  Private to fs/policy/job*.c. */
#ifndef ADE_FS_POLICY_JOB_PRIVATE_H
#define ADE_FS_POLICY_JOB_PRIVATE_H

#include "fs/policy/job.h"

/* What the names of a job's records say. */
struct job_names {
	char vm_id[VM_ID_TEXT];
	uint64_t number;
	uint64_t newest;	/* number of its newest record */
	bool any, cancel, end;	/* is there a numbered record; .cancel; .end? */
	int64_t seen;		/* store time of the newest of them all */
	int64_t told;		/* of the newest numbered one or .end */
	uint64_t end_size;	/* of .end, and when it was put */
	int64_t end_time;
};

struct job_listing {
	struct job_names *row;	/* by VM and number */
	size_t n, room;
};

/* prefix: "job/", or that of a VM or a job. */
int job_listing_take(struct vault *v, const char *prefix, struct job_listing *l, struct error *err);
static inline void job_listing_clear(struct job_listing *l) { free(l->row); }

/* Read the record that counts, open and dead with it.  -ENOENT: its records have gone. */
int job_read(struct vault *v, const struct job_names *names, int64_t now, struct job_record *j, struct error *err);

/* Those rows of the listing into out[n], of which *n_out are there still; the dead are told. */
int job_read_rows(struct vault *v, const struct job_listing *l, const size_t *row, size_t n, int64_t now,
		  struct job_record *out, size_t *n_out, struct error *err);

/* Of one that died: FAILED, with words. */
void job_tell_dead(struct job_record *j, int64_t now);
int job_put_end(struct vault *v, const struct job_record *j, struct error *err);
/* All records of it but .end. */
void job_remove_records(struct vault *v, const struct job_record *j);

#endif
