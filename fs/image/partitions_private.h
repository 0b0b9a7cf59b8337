/* SPDX-License-Identifier: Apache-2.0 */
/* Between partitions.c (MBR, the decision) and gpt.c. */
#ifndef ADE_FS_IMAGE_PARTITIONS_PRIVATE_H
#define ADE_FS_IMAGE_PARTITIONS_PRIVATE_H

#include "fs/image/partitions.h"

/* Read the GPT.  -ENOENT: there is none at all (no signature at either place);
 * -EBADMSG: both copies damaged. */
int gpt_read(struct blockdev *disk, struct partition_table *t, struct error *err,
	     struct error *warning);

/* Append a row, cut at the image's end.  0 or -ENOMEM. */
int table_add(struct partition_table *t, struct blockdev *disk, const struct partition *p,
	      struct error *warning);

#endif
