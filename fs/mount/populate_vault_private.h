/* SPDX-License-Identifier: Apache-2.0 */
/* Between populate_vault.c and populate_vault_point.c. */
#ifndef ADE_FS_MOUNT_POPULATE_VAULT_PRIVATE_H
#define ADE_FS_MOUNT_POPULATE_VAULT_PRIVATE_H

#include "fs/mount/populate_rebuild.h"
#include "fs/mount/populate_vault.h"
#include "fs/mount/readers.h"
#include "fs/mount/replays.h"

#include <pthread.h>

/* What every folder of the tree hangs on: the root's. */
struct whole {
	struct vault_view view;
	struct readers *readers;
	struct point_name *list;	/* by VM, oldest first */
	size_t n;
	struct numbered *items;		/* records of protected VMs, as they were listed */
	size_t n_items;
	struct replays *replays;
};

/* A VM's folder. */
struct vm {
	struct whole *whole;
	char id[VM_ID_TEXT];
};

/* A point's folder; its disks' folders hang on it. */
struct shown_point {
	struct whole *whole;
	const struct point_name *name;
	struct point *point;		/* once it was read */
	struct keyring *keys;		/* as long as bek-volume.raw is shown; NULL: got for each disk that is opened */
	_Atomic size_t open_disks;
	struct rebuild_source rebuild;
};

struct shown_disk {
	struct shown_point *at;
	size_t index;
	pthread_mutex_t lock;		/* guards stored */
	struct blockdev *stored;	/* once something of it was read */
	struct disk *disk;		/* once it was opened */
};

/* Read the point and note this reader.  0 or -errno with words. */
int shown_point_read(struct shown_point *p, struct error *err);
/* The user's keys, those of the capsule and of the key stores, got anew each
 * time.  *away: words when a key store could not be reached.  NULL: ENOMEM. */
struct keyring *shown_point_keyring(struct shown_point *p, struct error *away, struct error *err);

#endif
