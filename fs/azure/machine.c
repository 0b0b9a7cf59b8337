/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/azure/machine.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDE_SLOTS 4u	/* of the pc machine: two channels of two */

void machine_init(struct machine *m, const char *name, enum machine_os os,
		  enum machine_generation generation)
{
	*m = (struct machine){ .os = os, .generation = generation, .network = MACHINE_NET_NONE };
	snprintf(m->name, sizeof(m->name), "%s", name && *name ? name : "vm");
	for (char *p = m->name; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '.' && *p != '_')
			*p = '-';
}

struct machine_disk *machine_add_disk(struct machine *m, enum machine_role role, int lun,
				      const char *file, bool read_only, struct error *err)
{
	struct machine_disk *d = &m->disk[m->n_disks];

	if (m->n_disks == MACHINE_DISKS_MAX)
		return error_null(err, EINVAL, "more than %u disks", MACHINE_DISKS_MAX);
	if (strlen(file) >= sizeof(d->file))
		return error_null(err, ENAMETOOLONG, "%.200s...: the name is too long", file);
	*d = (struct machine_disk){ .role = role, .lun = role == MACHINE_DATA_DISK ? lun : -1,
				    .read_only = read_only };
	snprintf(d->file, sizeof(d->file), "%s", file);
	m->n_disks++;
	return d;
}

bool machine_bus_takes_read_only(enum machine_bus bus)
{
	return bus == MACHINE_BUS_SCSI;
}

const char *machine_bus_name(enum machine_bus bus)
{
	switch (bus) {
	case MACHINE_BUS_IDE: return "ide";
	case MACHINE_BUS_SATA: return "sata";
	case MACHINE_BUS_SCSI: return "scsi";
	case MACHINE_BUS_AUTO: break;
	}
	return "auto";
}

const char *machine_type(const struct machine *m)
{
	return m->generation == MACHINE_GEN2 ? "q35" : "pc";
}

/* Both have drivers in every Windows and Linux that Azure offers. */
const char *machine_nic(const struct machine *m)
{
	return m->generation == MACHINE_GEN2 ? "e1000e" : "e1000";
}

/* Linux kernels of distributions start from virtio-scsi, which also takes
 * read-only disks and any number; Windows knows IDE and AHCI by itself. */
enum machine_bus machine_bus(const struct machine *m)
{
	if (m->bus != MACHINE_BUS_AUTO)
		return m->bus;
	if (m->os == MACHINE_LINUX)
		return MACHINE_BUS_SCSI;
	return m->generation == MACHINE_GEN1 ? MACHINE_BUS_IDE : MACHINE_BUS_SATA;
}

static int by_place(const void *a, const void *b)
{
	const struct machine_disk *x = a, *y = b;

	return x->role != y->role ? (int)x->role - (int)y->role : x->lun - y->lun;
}

static int check(const struct machine *m, struct error *err)
{
	if (!m->n_disks || m->disk[0].role != MACHINE_OS_DISK)
		return error_set(err, EINVAL, "%s has no OS disk to start from", m->name);
	for (size_t i = 1; i < m->n_disks; i++)
		if (m->disk[i].role == m->disk[i - 1].role && m->disk[i].lun == m->disk[i - 1].lun)
			return error_set(err, EINVAL, "%s has two disks in one place (%s)", m->name,
					 m->disk[i].role == MACHINE_DATA_DISK ? "LUN" : "OS or BEK");
	if (m->bus == MACHINE_BUS_IDE && m->generation == MACHINE_GEN2)
		return error_set(err, EINVAL, "a generation 2 machine has no IDE");
	return 0;
}

static void name_serial(struct machine_disk *d)
{
	if (d->role == MACHINE_DATA_DISK)
		snprintf(d->serial, sizeof(d->serial), "ade-lun%d", d->lun);
	else
		snprintf(d->serial, sizeof(d->serial), d->role == MACHINE_OS_DISK ? "ade-os" : "ade-bek");
}

/* The BEK volume is needed at start, data disks are not: it keeps a slot. */
static int place(struct machine *m, enum machine_bus bus, struct error *err)
{
	bool bek = m->disk[m->n_disks - 1].role == MACHINE_BEK_DISK;
	size_t slots = IDE_SLOTS - bek, used = 0;

	for (size_t i = 0; i < m->n_disks; i++) {
		struct machine_disk *d = &m->disk[i];
		bool fits = bus != MACHINE_BUS_IDE || d->role == MACHINE_BEK_DISK || used++ < slots;

		d->bus = fits ? bus : MACHINE_BUS_SATA;
		name_serial(d);
		if (d->read_only && !machine_bus_takes_read_only(d->bus))
			return error_set(err, EINVAL, "%s cannot be read-only on the %s bus", d->file,
					 machine_bus_name(d->bus));
	}
	return 0;
}

int machine_settle(struct machine *m, struct error *err)
{
	int rc;

	if (m->n_disks)
		qsort(m->disk, m->n_disks, sizeof(*m->disk), by_place);
	rc = check(m, err);
	if (rc)
		return rc;
	if (!m->memory_mib)
		m->memory_mib = m->os == MACHINE_WINDOWS ? 4096 : 2048;
	if (!m->cpus)
		m->cpus = 2;
	return place(m, machine_bus(m), err);
}
