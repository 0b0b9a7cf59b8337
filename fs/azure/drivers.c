/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/azure/drivers.h"

#include <stdio.h>
#include <string.h>

static const struct { const char *module, *option; } known[DRIVERS] = {
	[DRIVER_SD] = { "sd_mod", "CONFIG_BLK_DEV_SD" },
	[DRIVER_VIRTIO_PCI] = { "virtio_pci", "CONFIG_VIRTIO_PCI" },
	[DRIVER_VIRTIO_SCSI] = { "virtio_scsi", "CONFIG_SCSI_VIRTIO" },
	[DRIVER_AHCI] = { "ahci", "CONFIG_SATA_AHCI" },
	[DRIVER_ATA_PIIX] = { "ata_piix", "CONFIG_ATA_PIIX" },
};

static const struct { enum machine_bus bus; enum driver needs[3]; size_t n; } buses[] = {
	{ MACHINE_BUS_SCSI, { DRIVER_VIRTIO_PCI, DRIVER_VIRTIO_SCSI, DRIVER_SD }, 3 },
	{ MACHINE_BUS_SATA, { DRIVER_AHCI, DRIVER_SD }, 2 },
	{ MACHINE_BUS_IDE, { DRIVER_ATA_PIIX, DRIVER_SD }, 2 },
};

/* "CONFIG_X=m" of the line, or '\0'. */
static char value_of(const char *line, const char *end, const char *option)
{
	size_t n = strlen(option);

	return (size_t)(end - line) == n + 2 && !memcmp(line, option, n) && line[n] == '=' ? line[n + 1] : '\0';
}

static void read_line(struct drivers *d, const char *line, const char *end)
{
	for (unsigned i = 0; i < DRIVERS; i++) {
		char value = value_of(line, end, known[i].option);

		if (value == 'y')
			d->state[i] = DRIVER_THERE;
		else if (value == 'm')
			d->state[i] = DRIVER_MODULE;
	}
}

static bool is_config(const char *text, size_t len)
{
	return memmem(text, len, "\nCONFIG_PCI=", strlen("\nCONFIG_PCI=")) != NULL;
}

/* An option that is not set has no line, or one that is a comment. */
void drivers_read_config(struct drivers *d, const char *text, size_t len)
{
	const char *end = text + len, *stop;

	if (!is_config(text, len))
		return;
	for (unsigned i = 0; i < DRIVERS; i++)
		d->state[i] = DRIVER_MISSING;
	for (const char *p = text; p < end; p = stop < end ? stop + 1 : end) {
		stop = memchr(p, '\n', (size_t)(end - p));
		stop = stop ? stop : end;
		read_line(d, p, stop);
	}
}

/* "usr/lib/modules/6.1/kernel/drivers/scsi/virtio_scsi.ko.zst"; '-' and '_' are the same. */
static bool is_module(const char *path, const char *module)
{
	const char *slash = strrchr(path, '/'), *p = slash ? slash + 1 : path;

	for (; *module; p++, module++)
		if (*p != *module && !(*p == '-' && *module == '_'))
			return false;
	return !strncmp(p, ".ko", 3) && (!p[3] || p[3] == '.');
}

void drivers_see(struct drivers *d, const char *path)
{
	for (unsigned i = 0; i < DRIVERS; i++)
		if ((d->state[i] == DRIVER_MODULE || d->state[i] == DRIVER_UNKNOWN) && is_module(path, known[i].module))
			d->state[i] = DRIVER_THERE;
}

void drivers_seen_all(struct drivers *d)
{
	for (unsigned i = 0; i < DRIVERS; i++)
		if (d->state[i] == DRIVER_MODULE)
			d->state[i] = DRIVER_MISSING;
}

bool drivers_settled(const struct drivers *d)
{
	for (unsigned i = 0; i < DRIVERS; i++)
		if (d->state[i] == DRIVER_MODULE || d->state[i] == DRIVER_UNKNOWN)
			return false;
	return true;
}

static size_t row_of(enum machine_bus bus)
{
	size_t i = 0;

	while (i + 1 < sizeof(buses) / sizeof(buses[0]) && buses[i].bus != bus)
		i++;
	return i;
}

enum driver_state drivers_of_bus(const struct drivers *d, enum machine_bus bus)
{
	size_t row = row_of(bus);
	enum driver_state all = DRIVER_THERE;

	for (size_t i = 0; i < buses[row].n; i++) {
		enum driver_state s = d->state[buses[row].needs[i]];

		if (s == DRIVER_MISSING)
			return DRIVER_MISSING;
		if (s != DRIVER_THERE)
			all = DRIVER_UNKNOWN;
	}
	return all;
}

void drivers_name(const struct drivers *d, enum machine_bus bus, enum driver_state only, char *out, size_t size)
{
	size_t row = row_of(bus), at = 0;

	*out = '\0';
	for (size_t i = 0; i < buses[row].n && at < size; i++)
		if (d->state[buses[row].needs[i]] == only)
			at += (size_t)snprintf(out + at, size - at, "%s%s", at ? ", " : "", known[buses[row].needs[i]].module);
}

enum machine_bus drivers_choose(const struct drivers *d, enum machine_generation generation,
				enum driver_state *found)
{
	static const enum driver_state wishes[] = { DRIVER_THERE, DRIVER_UNKNOWN };

	for (size_t w = 0; w < sizeof(wishes) / sizeof(wishes[0]); w++) {
		for (size_t i = 0; i < sizeof(buses) / sizeof(buses[0]); i++) {
			*found = drivers_of_bus(d, buses[i].bus);
			if (*found == wishes[w] && (generation == MACHINE_GEN1 || buses[i].bus != MACHINE_BUS_IDE))
				return buses[i].bus;
		}
	}
	*found = DRIVER_MISSING;
	return MACHINE_BUS_SCSI;
}
