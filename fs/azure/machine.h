/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shell that a VM is started in outside Azure: firmware, buses, disks,
 * memory.  `boot` starts it, rebuild/ writes it down for QEMU, libvirt and
 * Hyper-V; what is decided about a guest is decided here, once.
 *
 * Azure's generation 1 is a BIOS machine with IDE, generation 2 an UEFI one
 * with SCSI alone (docs virtual-machines/generation-2.md).  Buses are such
 * that disks are named sdX in a Linux guest, because ADE's scripts look for
 * the BEK volume under such names only; Windows gets what every installation
 * has a driver for at start.
 */
#ifndef ADE_FS_AZURE_MACHINE_H
#define ADE_FS_AZURE_MACHINE_H

#include "crypto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MACHINE_DISKS_MAX 80u	/* an Azure VM has at most 64 data disks */
#define MACHINE_FILE_MAX 1024u

enum machine_os { MACHINE_LINUX, MACHINE_WINDOWS };
enum machine_generation { MACHINE_GEN1 = 1, MACHINE_GEN2 = 2 };
enum machine_bus { MACHINE_BUS_AUTO, MACHINE_BUS_IDE, MACHINE_BUS_SATA, MACHINE_BUS_SCSI };
enum machine_network { MACHINE_NET_NONE, MACHINE_NET_USER };
enum machine_role { MACHINE_OS_DISK, MACHINE_DATA_DISK, MACHINE_BEK_DISK };

struct machine_disk {
	enum machine_role role;
	int lun;			/* data disks: as Azure numbers them; else -1 */
	char file[MACHINE_FILE_MAX];	/* raw bytes: a view, or a placeholder for people */
	bool read_only;
	bool qcow2;			/* file is a qcow2 image over the raw bytes, as rebuild/ lays them */
	enum machine_bus bus;		/* set by machine_settle() */
	char serial[16];		/* set by machine_settle(): "ade-os", "ade-lun0", "ade-bek"; serial
					 * number and model, by which the guest tells its disks */
};

struct machine {
	char name[128];			/* the VM's, as it may stand in a command line or XML */
	enum machine_os os;
	enum machine_generation generation;
	enum machine_bus bus;		/* wish; AUTO: by OS and generation */
	uint64_t memory_mib;		/* 0: 2048, Windows 4096 */
	unsigned cpus;			/* 0: 2 */
	enum machine_network network;
	struct machine_disk disk[MACHINE_DISKS_MAX];
	size_t n_disks;
};

/* A machine without disks.  Characters of name that could mean something to a
 * shell, QEMU or XML become '-'. */
void machine_init(struct machine *m, const char *name, enum machine_os os,
		  enum machine_generation generation);

/* lun counts for data disks alone.  NULL: too many disks, or file too long. */
struct machine_disk *machine_add_disk(struct machine *m, enum machine_role role, int lun,
				      const char *file, bool read_only, struct error *err);

/* Fill in what was left open, and put every disk on a bus; the OS disk first,
 * then data disks by LUN, then the BEK volume.  -EINVAL with words: no OS disk,
 * two of one LUN, or a read-only disk on a bus that refuses it. */
int machine_settle(struct machine *m, struct error *err);

/* The bus that the wish, the OS and the generation come to. */
enum machine_bus machine_bus(const struct machine *m);

/* A read-only disk can be on it (QEMU's ide-hd, IDE and SATA alike, refuses). */
bool machine_bus_takes_read_only(enum machine_bus bus);

const char *machine_bus_name(enum machine_bus bus);		/* "ide", "sata", "scsi" */
const char *machine_type(const struct machine *m);		/* QEMU's: "pc", "q35" */
const char *machine_nic(const struct machine *m);		/* QEMU's model: "e1000", "e1000e" */

#endif
