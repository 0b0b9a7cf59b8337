/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finished segments of sessions that never committed: their chunks go into
 * the index, so that they are not stored again.  FORMAT.md, "Protocol" (W3).
 */
#ifndef ADE_FS_BACKUP_RESUME_H
#define ADE_FS_BACKUP_RESUME_H

#include "fs/backup/run.h"

/* A segment that cannot be read is passed over.  0 or -errno with words. */
int resume_index(struct run *r, struct error *err);

#endif
