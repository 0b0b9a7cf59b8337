/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which volumes a Linux guest opens under which names: /etc/crypttab, and the
 * file of the volumes that ADE's extension opens by itself, whose lines begin
 * with the same two words.  Hostile text; what is not understood is passed over.
 */
#ifndef ADE_FS_AZURE_CRYPTTAB_H
#define ADE_FS_AZURE_CRYPTTAB_H

#include <stdbool.h>

#define CRYPTTAB_FILE "/etc/crypttab"
#define CRYPTTAB_ADE_FILE "/var/lib/azure_disk_encryption_config/azure_crypt_mount"

enum crypttab_by {
	CRYPTTAB_BY_OTHER,	/* /dev/sdc, by-id, …: nothing that is the same here */
	CRYPTTAB_BY_LUN,	/* /dev/disk/azure/scsi1/lun0-part1 */
	CRYPTTAB_BY_UUID,	/* of the volume's header */
};

struct crypttab_line {
	char name[64];		/* of the opened volume, plain (adapt.h) */
	enum crypttab_by by;
	int lun;
	unsigned partition;	/* 0: the whole disk */
	char uuid[40];
};

/* The next line that opens something; *at moves behind it.  false: no more. */
bool crypttab_next(const char **at, const char *end, struct crypttab_line *out);

#endif
