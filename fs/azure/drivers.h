/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which buses a Linux guest has drivers for when it starts: what its kernel's
 * configuration says is built in, and the modules in its initramfs.  An
 * initramfs that was made for Hyper-V alone has none of ours.  Pure; the text
 * and the names are hostile.
 */
#ifndef ADE_FS_AZURE_DRIVERS_H
#define ADE_FS_AZURE_DRIVERS_H

#include "fs/azure/machine.h"

enum driver { DRIVER_SD, DRIVER_VIRTIO_PCI, DRIVER_VIRTIO_SCSI, DRIVER_AHCI, DRIVER_ATA_PIIX, DRIVERS };

enum driver_state {
	DRIVER_UNKNOWN,
	DRIVER_MODULE,		/* and nobody has looked into the initramfs */
	DRIVER_THERE,		/* built in, or a module in the initramfs */
	DRIVER_MISSING,
};

struct drivers {
	enum driver_state state[DRIVERS];
};

/* /boot/config-VERSION */
void drivers_read_config(struct drivers *d, const char *text, size_t len);

/* A file of the initramfs. */
void drivers_see(struct drivers *d, const char *path);

/* It was the last one: a module that was not among them is missing. */
void drivers_seen_all(struct drivers *d);

/* No file of the initramfs can tell more. */
bool drivers_settled(const struct drivers *d);

enum driver_state drivers_of_bus(const struct drivers *d, enum machine_bus bus);	/* never DRIVER_MODULE */

/* Their names, for people: "virtio_pci, virtio_scsi, sd_mod"; only: those in that state. */
void drivers_name(const struct drivers *d, enum machine_bus bus, enum driver_state only, char *out, size_t size);

/* The bus for a guest of that generation: scsi, where nothing tells that it lacks its drivers.  *found
 * is its state; MISSING: there is none that the guest could start from. */
enum machine_bus drivers_choose(const struct drivers *d, enum machine_generation generation,
				enum driver_state *found);

#endif
