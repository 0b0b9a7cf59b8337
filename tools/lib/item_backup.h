/* SPDX-License-Identifier: Apache-2.0 */
/* What a backup asks of the VM's protection, and tells it. */
#ifndef ADE_TOOLS_LIB_ITEM_BACKUP_H
#define ADE_TOOLS_LIB_ITEM_BACKUP_H

#include "fs/util/json.h"
#include "fs/vault/item.h"
#include "fs/vault/point.h"
#include "tools/lib/report.h"

/* The item, or zeros: the VM is none, which is no error.  -EPERM with words:
 * it is soft-deleted, or its protection is stopped. */
int item_backup_take(struct vault *v, const char *vm, struct item *out, struct error *err);

/* Encryption that was switched on since is put down; words about it, once.  The
 * point is committed: nothing of this makes the backup fail. */
void item_backup_note(struct vault *v, const struct point *p, const struct report *report);

/* Is a volume of the disk encrypted, by info.json's words; what, for people ("BitLocker; LUKS"). */
bool disk_encryption(const json_t *info, char *out, size_t size);

/* "2027-01-31" is the last day that is kept, "2027-01-31T12:00:00Z" the end.  -EINVAL with words. */
int retain_until_parse(const char *text, int64_t *out, struct error *err);

#endif
