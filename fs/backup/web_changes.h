/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changed on a page blob since the snapshot that the point before was
 * made from, as the service tells it (Get Page Ranges with prevsnapshot or
 * x-ms-previous-snapshot-url): chunks that did not change are not fetched.
 *
 * The service is not trusted blindly: the earlier snapshot must be there with
 * the very version that was recorded; a list that is no difference (a server
 * that knows no prevsnapshot sends all pages) is not used; and some of the
 * chunks that it calls unchanged are read and compared by name.
 */
#ifndef ADE_FS_BACKUP_WEB_CHANGES_H
#define ADE_FS_BACKUP_WEB_CHANGES_H

#include "fs/image/blockdev.h"
#include "fs/image/pagemap.h"
#include "fs/store/store.h"
#include "fs/vault/point.h"
#include "fs/vault/vault.h"

struct web_previous {
	const struct store_options *reach;	/* how snapshots of the blob are reached */
	const char *address;		/* of a managed disk's earlier snapshot, without its SAS; NULL: the same blob's */
	const struct store_options *address_reach;	/* … with its SAS */
};

/* source: webdisk_open()'s, or another: then there is nothing to tell.  In the
 * result holes are chunks that have not changed (pagemap_is_hole()).  NULL:
 * compare all; *why says why, code 0 when there is nothing to wonder at. */
struct pagemap *web_changes(struct vault *v, const char *vm_id, struct blockdev *source,
			    const struct point_disk *parent, const struct web_previous *previous, struct error *why);

#endif
