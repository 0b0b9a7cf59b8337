/* SPDX-License-Identifier: Apache-2.0 */
/* Between disk.c, disk_overlay.c, detached.c, views.c and info.c. */
#ifndef ADE_FS_IMAGE_DISK_PRIVATE_H
#define ADE_FS_IMAGE_DISK_PRIVATE_H

#include "fs/image/volumes.h"

enum view_kind { VIEW_RAW, VIEW_VHD, VIEW_VHDX, VIEW_VMDK, VIEW_PARTITION, VIEW_LOGICAL,
		 VIEW_STORED_RAW, VIEW_STORED_VHD };

struct view {
	enum view_kind kind;
	struct disk_volume *vol;	/* of VIEW_PARTITION, VIEW_LOGICAL */
	struct lvm_lv *lv;		/* of VIEW_LOGICAL */
	char *name;
	struct disk_view pub;
};

struct disk {
	_Atomic unsigned refs;
	struct blockdev *source;	/* with a VHD's footer */
	struct blockdev *stored;	/* without */
	struct blockdev *over_raw, *over_stored;	/* overlays; NULL: none */
	bool vhd, partial;
	struct keyring *keys;		/* borrowed; NULL: none, or forgotten */
	struct partition_table *table;
	struct error table_warning;
	struct disk_volume *vol;
	size_t n_vols;
	struct view *view;
	size_t n_views;
	uint64_t raw_size;		/* of disk.raw */
	uint8_t id[16];			/* of the VHDs and VHDXs made from it */
};

/* Fills view and raw_size.  0 or -ENOMEM. */
int disk_list_views(struct disk *d);

/* Detached LUKS headers: those that the user named, and an ADE OS disk's own. */
int detached_open(struct disk *d, struct unlock_context *ctx, struct error *err);
/* The header's length; 0: it is none that can be read. */
uint64_t detached_accept(struct blockdev *header);
/* Is there a volume that might belong to a header elsewhere?  Open one of them by this header,
 * if it fits; from: where it was found. */
bool detached_wanted(struct disk *d);
void detached_use(struct disk *d, struct blockdev *header, const char *from, struct unlock_context *ctx);

/* Headers in the volumes of the VM's other disks (ctx->opts->family). */
void family_open(struct disk *d, struct unlock_context *ctx);

#endif
