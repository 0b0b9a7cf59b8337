/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BEK volume: the small partitioned FAT disk on which Azure hands a VM its
 * keys, so that an encrypted disk starts as it does there.  Microsoft's FAT
 * specification (fatgen103), FAT12 with long names.  Read-only; its bytes are
 * secrets and live in locked memory.
 */
#ifndef ADE_FS_IMAGE_BEKVOL_H
#define ADE_FS_IMAGE_BEKVOL_H

#include "crypto/secret.h"
#include "fs/image/blockdev.h"

#define BEKVOL_LABEL "BEK VOLUME"
#define BEKVOL_BYTES (4u << 20)
#define BEKVOL_FILES_MAX 64u
#define BEKVOL_FILE_MAX (16u << 10)	/* bytes of one file */

struct bekvol_file {
	char name[64];			/* LinuxPassPhraseFileName, <GUID>.BEK, … */
	const struct secret *bytes;	/* borrowed */
};

/* BEKVOL_BYTES with the files, which are copied.  NULL: EINVAL (too many, too
 * large, two of one name, or a name that FAT cannot hold), ENOMEM. */
struct blockdev *bekvol_open(const struct bekvol_file *files, size_t n, struct error *err);

#endif
