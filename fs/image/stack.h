/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of layers: how the views of a disk are put together.  No other
 * file names two layers of one stack.
 */
#ifndef ADE_FS_IMAGE_STACK_H
#define ADE_FS_IMAGE_STACK_H

#include "fs/image/overlay_file.h"
#include "fs/image/partitions.h"
#include "fs/image/volumes.h"

/* The stored disk: the source without its VHD footer.  Takes source. */
struct blockdev *stack_stored(struct blockdev *source, bool vhd, struct error *err);

/* The whole disk with every open volume decrypted in place: rows of volumes
 * with a header in front begin behind it, the header reads as zeros.
 * stored and the volumes are borrowed. */
struct blockdev *stack_decrypted(struct blockdev *stored, const struct partition_table *t,
				 const struct disk_volume *vols, size_t n_vols, struct error *err);

/* One partition as it is stored. */
struct blockdev *stack_partition(struct blockdev *stored, uint64_t off, uint64_t len,
				 struct error *err);

/* A linear logical volume.  Takes pv; the other two are borrowed for the call. */
struct blockdev *stack_logical(struct blockdev *pv, const struct lvm *l, const struct lvm_lv *lv,
			       struct error *err);

/* A view with copy on write.  Takes both, on failure too; NULL is handed on. */
struct blockdev *stack_overlay(struct blockdev *view, struct overlay_file *file, struct error *err);

/* What a VHD source holds behind the changed disk: the whole file again.
 * Both are borrowed; read-only. */
struct blockdev *stack_footed(struct blockdev *stored, struct blockdev *source, struct error *err);

/* Any view as a fixed VHD.  Takes view. */
struct blockdev *stack_vhd(struct blockdev *view, const uint8_t id[16], struct error *err);

/* Any view as a VHDX, read-only.  Takes view. */
struct blockdev *stack_vhdx(struct blockdev *view, const uint8_t id[16], struct error *err);

#endif
