/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be done about damage that verify found: segments that are damaged
 * or missing are put down as not to be used, so that the next backup stores
 * anew what the source still has; lost refs are counted from the maps; lost
 * names of VMs are written again; a manifest that cannot be read leaves all
 * lists, with its data kept.  Nothing is deleted that could still be read.
 */
#ifndef ADE_FS_POLICY_REPAIR_H
#define ADE_FS_POLICY_REPAIR_H

#include "fs/vault/verify.h"

/* Faults as verify tells them, gathered for the repair.  One thread at a time. */
struct repair;

struct repair_result {
	uint64_t segments;	/* put down as not to be used */
	uint64_t refs;		/* points that got their refs anew */
	uint64_t hidden;	/* manifests that cannot be read */
	uint64_t names;		/* of VMs, written again */
	uint64_t left;		/* damaged objects that it can do nothing about */
};

struct repair *repair_new(void);		/* NULL: no memory */
void repair_free(struct repair *r);
/* From verify's fault(): 0 or -ENOMEM. */
int repair_note(struct repair *r, const struct verify_fault *f);
/* After verify_run().  0 or -errno with words; what was done stays done. */
int repair_run(struct repair *r, struct vault *v, struct repair_result *out, struct error *err);

DEFINE_CLEANUP(struct repair *, repair_free);

#endif
