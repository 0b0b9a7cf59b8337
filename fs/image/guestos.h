/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a disk says of the guest that starts from it: BIOS boot code, an EFI
 * loader on an EFI system partition, Linux or Windows.  For machines whose
 * description is lost.  Everything read is hostile.
 */
#ifndef ADE_FS_IMAGE_GUESTOS_H
#define ADE_FS_IMAGE_GUESTOS_H

#include "fs/image/partitions.h"

#include <stdbool.h>

struct guestos {
	bool bios_code;		/* boot code in the MBR, 55AA, and something that it leads to: generation 1 */
	bool efi_loader;	/* \EFI\BOOT\BOOTX64.EFI, or a loader in a vendor's folder: generation 2 */
	unsigned efi_partition;	/* its number; 0: none */
	bool windows;		/* NTFS, ReFS or BitLocker, and nothing of Linux */
};

/* disk: as stored, or decrypted.  0 or the codes of the reader; a disk that
 * says nothing is no error. */
int guestos_look(struct blockdev *disk, const struct partition_table *t, struct guestos *out,
		 struct error *err);

/* The generation, 1 or 2, or 0 when nothing can start it.  A disk that has both
 * (as Azure's Linux images do) is 1: it needs no firmware beside QEMU's. */
unsigned guestos_generation(const struct guestos *g);

#endif
