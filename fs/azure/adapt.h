/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Linux guest that ADE encrypted lacks outside Azure, as a small
 * initramfs that is loaded in front of its own; nothing in its file systems is
 * changed.  Its lines name disks as Azure's udev rules do
 * (/dev/disk/azure/root, /dev/disk/azure/scsi1/lun0), and those rules know
 * Hyper-V's disks alone: ours give the same names by the serial numbers of
 * machine.h, in the initramfs and, through /run/udev, in the running system.
 * A decrypted volume gets the name that the guest waits for, /dev/mapper/osencrypt
 * or what its crypttab says, by a linear mapping of the disk or partition; and
 * systemd's unit that would open it, and ask for a key that nobody needs, is
 * replaced in /run by one that does nothing.
 *
 * Works with initramfs-tools (conf/param.conf) and dracut (etc/conf.d).
 */
#ifndef ADE_FS_AZURE_ADAPT_H
#define ADE_FS_AZURE_ADAPT_H

#include "fs/azure/machine.h"

#define ADAPT_FILE "adebackup-boot.img"
#define ADAPT_MAPPER "osencrypt"
#define ADAPT_VOLUMES_MAX 80u

/* A volume that is decrypted, and the name under which the guest expects it. */
struct adapt_volume {
	char serial[24];		/* of its disk (machine.h) */
	unsigned partition;		/* 0: the whole disk */
	char mapper[64];
	bool is_lvm;			/* inside is LVM, found by its own label: it needs no mapping */
	bool is_data;			/* mapped by the running system alone: the initramfs has no use for it */
};

struct adapt {
	const struct machine *machine;
	struct adapt_volume volume[ADAPT_VOLUMES_MAX];
	size_t n_volumes;
	bool decrypted;			/* nothing is left for the guest to open: ADE's dracut module is told so */
};

/* A name that a mapping can have, and that means nothing to udev or a shell. */
bool adapt_mapper_is_plain(const char *name);

/* udev rules; early: for the initramfs, where a decrypted volume must not be
 * found under the name of the encrypted one.  malloc'ed; NULL: no memory. */
char *adapt_rules(const struct adapt *a, bool early);

/* The initramfs.  0, -EINVAL (a mapper's name), -ENOMEM. */
int adapt_initramfs(const struct adapt *a, uint8_t **out, size_t *len);

/* Each of its effects as a line for people.  malloc'ed; NULL: no memory. */
char *adapt_describe(const struct adapt *a);

#endif
