/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/azure/adapt.h"
#include "crypto/cleanup.h"
#include "fs/image/cpio.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULES "66-adebackup.rules"
#define OURS "adebackup/names.rules"
#define UNITS "adebackup/units/"

/* Sourced by the guest's own initramfs, once or often, when /run is there.  systemd takes its units
 * from /run/systemd/system before those that its generators make of crypttab. */
static const char script[] =
	"if [ ! -e /run/udev/rules.d/" RULES " ] && [ -e /" OURS " ]; then\n"
	"\tmkdir -p /run/udev/rules.d\n"
	"\tcat /" OURS " >/run/udev/rules.d/" RULES "\n"
	"\tfor adebackup_unit in /" UNITS "*; do\n"
	"\t\t[ -e \"$adebackup_unit\" ] || continue\n"
	"\t\tmkdir -p /run/systemd/system\n"
	"\t\tcat \"$adebackup_unit\" >\"/run/systemd/system/${adebackup_unit##*/}\"\n"
	"\tdone\n"
	"fi\n";

static const char unit[] =
	"[Unit]\nDescription=%s, decrypted already (adebackup boot)\nDefaultDependencies=no\n"
	"[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n";

bool adapt_mapper_is_plain(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	return n && !name[n] && *name != '-' && *name != '.';
}

/* Azure's names of a disk: ADE's lines use the first. */
static void names_of(const struct machine_disk *d, char names[2][48])
{
	char *one = names[0], *two = names[1];
	const size_t size = sizeof(names[0]);

	switch (d->role) {
	case MACHINE_OS_DISK:
		snprintf(one, size, "disk/azure/root");
		snprintf(two, size, "disk/azure/os");
		break;
	case MACHINE_DATA_DISK:
		snprintf(one, size, "disk/azure/scsi1/lun%d", d->lun);
		snprintf(two, size, "disk/azure/data/by-lun/%d", d->lun);
		break;
	case MACHINE_BEK_DISK:
		snprintf(one, size, "disk/azure/BEK");
		*two = '\0';
		break;
	}
}

static void print_match(FILE *f, const char *serial, unsigned partition)
{
	fprintf(f, "SUBSYSTEM==\"block\", ENV{DEVTYPE}==\"%s\", ATTRS{model}==\"%s\"",
		partition ? "partition" : "disk", serial);
	if (partition)
		fprintf(f, ", ATTR{partition}==\"%u\"", partition);
}

/* The model is padded with blanks, which udev drops where the pattern has none at its end. */
static void print_names(FILE *f, const struct machine_disk *d)
{
	char names[2][48];

	names_of(d, names);
	for (size_t i = 0; i < 2 && names[i][0]; i++) {
		fprintf(f, "SUBSYSTEM==\"block\", ENV{DEVTYPE}==\"disk\", ATTRS{model}==\"%s\", SYMLINK+=\"%s\"\n",
			d->serial, names[i]);
		fprintf(f, "SUBSYSTEM==\"block\", ENV{DEVTYPE}==\"partition\", ATTRS{model}==\"%s\", "
			   "SYMLINK+=\"%s-part%%n\"\n", d->serial, names[i]);
	}
}

/* The volume's other names go, so that its file system is found on the mapping
 * alone, which is in use while the disk or partition cannot be. */
static void print_volume(FILE *f, const struct adapt_volume *v, bool early)
{
	if (v->is_lvm || (v->is_data && early))
		return;
	print_match(f, v->serial, v->partition);
	if (early || v->is_data)
		fputs(", SYMLINK=\"\"", f);
	fputs(", ACTION==\"add\", RUN{builtin}+=\"kmod load dm_mod\"", f);
	fprintf(f, ", RUN+=\"/sbin/dmsetup create --noudevsync %s --table '0 $attr{size} linear $major:$minor 0'\"\n",
		v->mapper);
}

char *adapt_rules(const struct adapt *a, bool early)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	bool bad;

	if (!f)
		return NULL;
	fputs("# Azure's names for disks, from adebackup boot\n", f);
	for (size_t i = 0; i < a->n_volumes; i++)	/* first: of a data volume Azure's names stay */
		if (a->volume[i].is_data)
			print_volume(f, &a->volume[i], early);
	for (size_t i = 0; i < a->machine->n_disks; i++)
		print_names(f, &a->machine->disk[i]);
	for (size_t i = 0; i < a->n_volumes; i++)
		if (!a->volume[i].is_data)
			print_volume(f, &a->volume[i], early);
	bad = ferror(f) != 0;
	if (!fclose(f) && !bad)
		return text;
	free(text);
	return NULL;
}

/* systemd-cryptsetup@NAME.service, a "-" of the name written as systemd does. */
static void unit_name(const struct adapt_volume *v, const char *folder, char *out, size_t size)
{
	size_t at = (size_t)snprintf(out, size, "%ssystemd-cryptsetup@", folder);

	for (const char *p = v->mapper; *p && at + sizeof("\\x2d") < size; p++) {
		if (*p == '-')
			at += (size_t)snprintf(out + at, size - at, "\\x2d");
		else
			out[at++] = *p;
	}
	snprintf(out + at, size - at, ".service");
}

static void add_unit(struct cpio *c, const struct adapt_volume *v)
{
	char path[400], text[sizeof(unit) + sizeof(v->mapper)];

	unit_name(v, UNITS, path, sizeof(path));
	snprintf(text, sizeof(text), unit, v->mapper);
	cpio_add_text(c, path, text);
}

int adapt_initramfs(const struct adapt *a, uint8_t **out, size_t *len)
{
	AUTO(free) char *early = adapt_rules(a, true), *late = adapt_rules(a, false);
	AUTO(cpio_free) struct cpio *c = cpio_new();

	for (size_t i = 0; i < a->n_volumes; i++)
		if (!adapt_mapper_is_plain(a->volume[i].mapper))
			return -EINVAL;
	if (!early || !late || !c)
		return -ENOMEM;
	cpio_add_text(c, "etc/udev/rules.d/" RULES, early);
	cpio_add_text(c, OURS, late);
	for (size_t i = 0; i < a->n_volumes; i++)
		add_unit(c, &a->volume[i]);
	cpio_add_text(c, "conf/param.conf", script);
	cpio_add_text(c, "etc/conf.d/adebackup.conf", script);
	if (a->decrypted)
		cpio_add_text(c, "etc/cmdline.d/90-adebackup.conf", "rd.ade=0\n");
	return cpio_finish(c, out, len);
}

static void describe_volume(FILE *f, const struct adapt_volume *v)
{
	char name[400];

	unit_name(v, "", name, sizeof(name));
	fprintf(f, "%s, which crypttab makes, does nothing: its volume is decrypted already\n", name);
	if (v->is_lvm)
		return;
	if (v->partition)
		fprintf(f, "/dev/mapper/%s is partition %u of disk %s, which is decrypted already\n", v->mapper,
			v->partition, v->serial);
	else
		fprintf(f, "/dev/mapper/%s is disk %s, which is decrypted already\n", v->mapper, v->serial);
}

char *adapt_describe(const struct adapt *a)
{
	char *text = NULL, names[2][48];
	size_t len;
	FILE *f = open_memstream(&text, &len);
	bool bad;

	if (!f)
		return NULL;
	for (size_t i = 0; i < a->machine->n_disks; i++) {
		names_of(&a->machine->disk[i], names);
		fprintf(f, "/dev/%s names disk %s\n", names[0], a->machine->disk[i].serial);
	}
	for (size_t i = 0; i < a->n_volumes; i++)
		describe_volume(f, &a->volume[i]);
	if (a->decrypted)
		fputs("rd.ade=0 for dracut: there is no volume to open\n", f);
	bad = ferror(f) != 0;
	if (!fclose(f) && !bad)
		return text;
	free(text);
	return NULL;
}
