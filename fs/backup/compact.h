/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compacting: what lives in segments that are less than half alive is copied,
 * and each point that needs it gets a new manifest; the old one is marked as
 * leaving, and collection frees the segments later.  Each point is rewritten
 * by a session of its own, as a backup would (W1 to W6).  Chunks are copied as
 * they are packed: opened and sealed anew, not unpacked.
 */
#ifndef ADE_FS_BACKUP_COMPACT_H
#define ADE_FS_BACKUP_COMPACT_H

#include "fs/vault/inventory.h"

struct compact_options {
	const char *vm_id;	/* that VM's points alone; NULL: all */
	bool dry;		/* find out what there is to gain */
	int (*progress)(void *arg, uint64_t done, uint64_t total);	/* points; non-zero (-errno) stops */
	void *arg;
};

struct compact_result {
	uint64_t segments, segment_bytes;	/* that are given up */
	uint64_t live_bytes;			/* of that */
	uint64_t points;			/* rewritten */
	uint64_t copied_bytes;			/* sealed anew, maps too */
	uint64_t left;				/* points that could not be rewritten: damaged, or gone meanwhile */
};

/* Reads refs, then the maps of the points that need what looks half empty.
 * 0 or -errno with words. */
int compact_run(struct inventory *inv, const struct compact_options *o, struct compact_result *out, struct error *err);

/* A new manifest for a point, its data where it is: brings a point back that
 * is leaving, or whose refs were lost (rebuild: they are counted from the maps).
 * object: 192 bytes, the new manifest's name; may be NULL.
 * -ESTALE: it has gone, or something of it is about to. */
int compact_recommit(struct vault *v, const struct inventory_point *p, bool rebuild, char *object, struct error *err);

#endif
