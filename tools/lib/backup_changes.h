/* SPDX-License-Identifier: Apache-2.0 */
/* How a backup learns what has changed on a disk behind HTTP since the point before. */
#ifndef ADE_TOOLS_LIB_BACKUP_CHANGES_H
#define ADE_TOOLS_LIB_BACKUP_CHANGES_H

#include "fs/backup/backup.h"
#include "fs/vault/vault.h"

/* backup_disk.changes; arg: struct backup_disks. */
struct pagemap *backup_changes(void *arg, struct vault *v, const char *vm_id, struct blockdev *source,
			       const struct point_disk *parent, struct error *why);

#endif
