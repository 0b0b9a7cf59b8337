/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a mounted disk or recovery point and the options of `boot` to the
 * machine that is started (fs/azure/machine.h): which views are its disks,
 * which generation and operating system it is, what a Linux guest must be told.
 */
#ifndef ADE_TOOLS_LIB_BOOT_PLAN_H
#define ADE_TOOLS_LIB_BOOT_PLAN_H

#include "fs/azure/adapt.h"
#include "fs/azure/qemu.h"
#include "tools/lib/options.h"

/* A volume that the guest sees decrypted, or that is plain since a decrypted clone was exported. */
struct boot_volume {
	int lun;			/* -1: of the OS disk */
	unsigned partition;		/* 0: the whole disk */
	char uuid[40];			/* of its header; "": plain */
	bool is_lvm;			/* inside is LVM */
};

struct boot_plan {
	struct machine machine;
	struct adapt adapt;		/* Linux alone */
	bool decrypted;			/* the disks are shown so; else as they are stored */
	bool encrypted;			/* one of them is encrypted, as it is stored */
	bool os_encrypted;		/* the OS disk is */
	bool startable;			/* the disk has boot code, or an EFI loader */
	const char *generation_from;	/* static words: what told it */
	char os_dir[MACHINE_FILE_MAX];	/* the OS disk's folder in the mount, and its view */
	char os_image[MACHINE_FILE_MAX];
	struct boot_volume data[ADAPT_VOLUMES_MAX];	/* of data disks */
	size_t n_data;
	char bus_why[256];		/* why the disks are on that bus; "": Windows */
	bool bus_lacks;			/* the guest has no driver for it, or for any */
	enum qemu_accel accel;
	const char *accel_why;
	const char *firmware_code, *firmware_vars;	/* static; NULL: generation 1 */
	int bek_fd;			/* a copy of the BEK volume in locked memory, where the bus
					 * takes no read-only disk; -1: none */
	void *bek_bytes;
};

/* dir: the mount; name: the VM's; work: a private folder.  for_show: make nothing (dry run).  0 or
 * -errno with words; release with boot_plan_release() in either case. */
int boot_plan_make(struct boot_plan *p, const char *dir, const char *name, const char *work,
		   const struct options *o, bool for_show, struct error *err);
void boot_plan_release(struct boot_plan *p);

#endif
