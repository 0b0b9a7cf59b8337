/* SPDX-License-Identifier: Apache-2.0 */
/* Between lvm.c, which reads the text, and lvm_area.c, which finds it. */
#ifndef ADE_FS_IMAGE_LVM_PRIVATE_H
#define ADE_FS_IMAGE_LVM_PRIVATE_H

#include "fs/image/lvm.h"

#define LVM_SECTOR 512u
#define LVM_AREAS_MAX 16u

struct lvm_label {
	char id[33];			/* the physical volume's, without dashes */
	uint64_t mda[LVM_AREAS_MAX];	/* bytes; where its metadata areas begin */
	unsigned n_mdas;
};

/* 0; -ENOENT: no label; -EBADMSG; codes of the reader. */
int lvm_label_find(struct blockdev *pv, struct lvm_label *out);

/* The committed text of one area, malloc'ed.  0; -ENODATA: the area is empty
 * or to be ignored; -EBADMSG; -ENOMEM; codes of the reader. */
int lvm_area_text(struct blockdev *pv, uint64_t mda, char **text, size_t *len);

#endif
