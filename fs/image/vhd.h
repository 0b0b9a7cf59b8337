/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fixed VHD: the disk's bytes and a 512-byte footer behind them.  Reading the
 * footer, and showing any device as a fixed VHD that Azure takes.
 * Format: libvhdi's "Virtual Hard Disk (VHD) image format", fixed disks and
 * footer; Azure wants a size that is a multiple of 1 MiB.
 */
#ifndef ADE_FS_IMAGE_VHD_H
#define ADE_FS_IMAGE_VHD_H

#include "fs/image/blockdev.h"

#define VHD_FOOTER_BYTES 512u
#define VHD_ALIGN (1u << 20)

enum vhd_type { VHD_FIXED = 2, VHD_DYNAMIC = 3, VHD_DIFFERENCING = 4 };

struct vhd_footer {
	uint32_t type;		/* enum vhd_type, or what else is stored */
	uint64_t disk_bytes;	/* the current size; the geometry is not trusted */
	char creator[5];
	uint8_t id[16];
};

/* Does a footer stand here?  The cookie alone. */
bool vhd_detect(const uint8_t footer[VHD_FOOTER_BYTES]);

/* 0; -EBADMSG: bad cookie, checksum or a fixed disk whose size field does not
 * fit image_bytes (the file with its footer). */
int vhd_footer_parse(const uint8_t footer[VHD_FOOTER_BYTES], uint64_t image_bytes,
		     struct vhd_footer *out, struct error *err);

/* A footer for disk_bytes, with id; the time stamp is left 0 so that the same
 * disk always makes the same VHD. */
void vhd_footer_write(uint64_t disk_bytes, const uint8_t id[16], uint8_t out[VHD_FOOTER_BYTES]);

/* Bytes of the VHD's disk that shows size bytes: rounded up to VHD_ALIGN.
 * 0 when that overflows. */
uint64_t vhd_padded_size(uint64_t size);

/* lower, padded with zeros to VHD_ALIGN, then the footer.  Takes lower.
 * NULL: EINVAL (size too large), ENOMEM. */
struct blockdev *vhd_shell_open(struct blockdev *lower, const uint8_t id[16], struct error *err);

#endif
