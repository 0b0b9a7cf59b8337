/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a vault holds and what it costs, by its lists, manifests and refs; no
 * segment is read.
 */
#ifndef ADE_FS_VAULT_STATS_H
#define ADE_FS_VAULT_STATS_H

#include "fs/vault/point.h"

/* One VM that has points.  Bytes are those of whole segments. */
struct vm_stats {
	char vm[128];
	uint64_t points, proven;
	int64_t first, last;		/* times of its points, seconds since 1970 */
	uint64_t disk_bytes;		/* sizes of the newest point's disks */
	uint64_t source_bytes;		/* sizes of all points' disks */
	uint64_t segments, stored_bytes;	/* that its points refer to */
};

struct vault_stats {
	struct vm_stats *vm;		/* owned */
	size_t n_vms;
	uint64_t points, source_bytes;
	uint64_t objects, bytes;	/* all that the store holds for the vault */
	uint64_t segments, segment_bytes;
	uint64_t unused_segments, unused_bytes;	/* that no point refers to */
	uint64_t damaged;		/* points of which manifest or refs cannot be used */
	uint64_t missing;		/* segments that a point refers to and that are not there */
};

/* One thread.  What came or went meanwhile may be counted or not.  0; what the
 * store answers, -ENOKEY, -ENOMEM with words.  Damage is counted, not returned. */
int vault_stats(struct vault *v, struct vault_stats *out, struct error *err);
void vault_stats_clear(struct vault_stats *s);

#endif
