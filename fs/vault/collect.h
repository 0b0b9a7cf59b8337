/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collection: segments that no refs name are condemned, every session that
 * could still begin to use them is waited for or ended, and what is then
 * still unnamed is deleted (C1 to C7).  FORMAT.md, section "Protocol".
 */
#ifndef ADE_FS_VAULT_COLLECT_H
#define ADE_FS_VAULT_COLLECT_H

#include "fs/vault/inventory.h"

#define COLLECT_AGE (7 * 86400)		/* seconds; younger segments are left alone */
#define COLLECT_SILENT (24 * 3600)	/* a session that was silent for longer is ended */
#define RECORD_KEPT (400 * 86400)	/* marks and tombstones */

struct collect_result {
	uint64_t unnamed, unnamed_bytes;	/* segments that no refs name */
	uint64_t young;				/* of these too young */
	uint64_t condemned;			/* by this run */
	uint64_t deleted, deleted_bytes;
	uint64_t denied;			/* the store does not let go of them yet */
	uint64_t waiting;			/* condemned, until sessions have ended */
	uint64_t sessions_ended;		/* by tombstones */
	char waits_for[192];			/* who is waited for, for people; "": nobody */
};

/* dry: look and count alone.  Nothing is deleted where inv->blocked says that
 * something cannot be read.  0 or -errno with words.  inv is looked at again. */
int collect_run(struct inventory *inv, bool dry, struct collect_result *out, struct error *err);

/* Records of sessions, readers and collectors that are dead, refs of points
 * that never came to be, marks and tombstones that are old enough,
 * traces of VMs without points.  *n: how many. */
int collect_records(struct inventory *inv, uint64_t *n, struct error *err);

#endif
