/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LVM2 on one physical volume: its volume group's name and its logical
 * volumes, of which those that are linear on this volume can be opened.
 * Every byte is hostile.  Formats: LVM2's label, pv_header, mda_header, text.
 */
#ifndef ADE_FS_IMAGE_LVM_H
#define ADE_FS_IMAGE_LVM_H

#include "fs/image/blockdev.h"

#define LVM_TEXT_MAX (1u << 20)		/* bytes of metadata that we read */
#define LVM_NAME_MAX 127u

struct lvm_segment {
	uint64_t start, count;		/* extents of the logical volume */
	uint64_t pv_off;		/* bytes into the physical volume */
};

struct lvm_lv {
	char name[LVM_NAME_MAX + 1];
	bool visible;			/* false: a part of another one, such as a pool's data */
	char reason[128];		/* why it cannot be opened; empty: it can */
	const char *inside;		/* for who opens it: what it holds; lvm_read() leaves NULL */
	uint64_t size;			/* bytes; 0 with a reason */
	struct lvm_segment *segment;	/* without gaps, from extent 0 */
	size_t n_segments;
};

struct lvm {
	char vg[LVM_NAME_MAX + 1];
	uint64_t extent_size;		/* bytes */
	bool damaged_copy;		/* not all copies could be read; the newest of the rest was used */
	struct lvm_lv *lv;		/* in the metadata's order */
	size_t n_lvs;
};

/* Of several metadata areas the one with the highest seqno counts.  NULL:
 * ENOENT (no LVM label here), EBADMSG (damaged), ENOTSUP (no metadata on this
 * volume), codes of the reader.  pv is borrowed. */
struct lvm *lvm_read(struct blockdev *pv, struct error *err);
void lvm_free(struct lvm *l);

/* One logical volume as a device.  Takes pv; l and lv are borrowed for the
 * call.  NULL: ENOTSUP with the reason, EINVAL, ENOMEM. */
struct blockdev *lvm_lv_open(struct blockdev *pv, const struct lvm *l, const struct lvm_lv *lv,
			     struct error *err);

/* CRC-32 as LVM counts it. */
uint32_t lvm_crc(const void *p, size_t len);

DEFINE_CLEANUP(struct lvm *, lvm_free);

#endif
