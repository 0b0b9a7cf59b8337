/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finished segments of sessions of this VM that never committed: their chunks go
 * into the index, so that they are not stored again.  FORMAT.md, "Protocol" (W3).
 *
 * Which those are is told by names: what has refs or a mark did commit, but for
 * one that stopped between refs and manifest, whose record is still there.  A
 * store that tells folders is not asked for more however many points there are,
 * and of a session of another VM no more than a segment is read.
 */
#ifndef ADE_FS_BACKUP_RESUME_H
#define ADE_FS_BACKUP_RESUME_H

#include "fs/backup/run.h"

/* parent: the refs of the point that the backup builds on, sorted; what they name needs no
 * index.  A segment that cannot be read is passed over.  0 or -errno with words. */
int resume_index(struct run *r, const struct refs_row *parent, size_t n_parent, struct error *err);

#endif
