/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kind of image file is this?  Raw and fixed VHD are disks; image formats
 * that need a translation of their own are named, so that nobody mounts their
 * containers as if they were disks.  Bytes of unknown content are a raw disk.
 */
#ifndef ADE_FS_IMAGE_PROBE_H
#define ADE_FS_IMAGE_PROBE_H

#include "fs/image/blockdev.h"
#include "fs/image/vhd.h"

enum image_format { IMAGE_RAW, IMAGE_VHD_FIXED };

/* Look at the first and last bytes of bd.  name: the file, for the words and
 * the qemu-img line.  0 and *format (and *vhd when fixed VHD);
 * -EINVAL: empty; -ENOTSUP: dynamic or differencing VHD, VHDX, qcow2, VMDK,
 * VDI, with the command that converts it; -EBADMSG: a fixed VHD whose footer
 * does not fit. */
int image_probe(struct blockdev *bd, const char *name, enum image_format *format,
		struct vhd_footer *vhd, struct error *err);

#endif
