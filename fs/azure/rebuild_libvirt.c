/* SPDX-License-Identifier: Apache-2.0 */
/* libvirt.xml: a domain (libvirt.org/formatdomain.html); libvirt.sh defines it. */
#include "fs/azure/rebuild_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct xml {
	FILE *f;
	bool bad;	/* something cannot be said in XML */
};

static void attribute(struct xml *x, const char *before, const char *value, const char *after)
{
	fprintf(x->f, "%s'", before);
	x->bad |= quote_xml(x->f, value) < 0 || strpbrk(value, "\n\r");	/* libvirt takes no paths of two lines */
	fprintf(x->f, "'%s", after);
}

static void firmware(struct xml *x, const struct rebuild *r, const struct machine *m)
{
	const char *secure = r->vm->secure_boot ? "yes" : "no";

	if (m->generation == MACHINE_GEN1) {
		fprintf(x->f, "  <os>\n    <type arch='x86_64' machine='%s'>hvm</type>\n  </os>\n"
			"  <features>\n    <acpi/>\n    <apic/>\n", machine_type(m));
	} else {
		fprintf(x->f, "  <os firmware='efi'>\n    <type arch='x86_64' machine='%s'>hvm</type>\n"
			"    <firmware>\n      <feature enabled='%s' name='secure-boot'/>\n"
			"      <feature enabled='%s' name='enrolled-keys'/>\n    </firmware>\n  </os>\n"
			"  <features>\n    <acpi/>\n    <apic/>\n", machine_type(m), secure, secure);
		if (r->vm->secure_boot)
			fputs("    <smm state='on'/>\n", x->f);
	}
	if (m->os == MACHINE_WINDOWS)
		fputs("    <hyperv mode='custom'>\n      <relaxed state='on'/>\n      <vapic state='on'/>\n"
		      "      <spinlocks state='on' retries='8191'/>\n    </hyperv>\n", x->f);
	fputs("  </features>\n", x->f);
}

static void begin(struct xml *x, const struct rebuild *r, const struct machine *m)
{
	fputs("<?xml version='1.0' encoding='UTF-8'?>\n<domain type='kvm'>\n", x->f);
	fprintf(x->f, "  <name>%s</name>\n  <memory unit='MiB'>%llu</memory>\n  <vcpu>%u</vcpu>\n", m->name,
		(unsigned long long)m->memory_mib, m->cpus);
	firmware(x, r, m);
	fprintf(x->f, "  <cpu mode='maximum'/>\n  <clock offset='%s'/>\n  <devices>\n",
		m->os == MACHINE_WINDOWS ? "localtime" : "utc");
}

static void target(struct xml *x, const struct machine_disk *d, unsigned *used)
{
	unsigned n = (*used)++;

	fprintf(x->f, "      <target dev='%s", d->bus == MACHINE_BUS_IDE ? "hd" : "sd");
	if (n >= 26)
		putc('a' + (int)(n / 26 - 1), x->f);
	fprintf(x->f, "%c' bus='%s'/>\n", 'a' + (int)(n % 26), machine_bus_name(d->bus));
}

static void disk(struct xml *x, const struct machine_disk *d, const char *image, unsigned *used)
{
	fprintf(x->f, "    <disk type='file' device='disk'>\n"
		"      <driver name='qemu' type='%s' cache='writeback' error_policy='stop' rerror_policy='stop' "
		"discard='unmap'/>\n", d->qcow2 ? "qcow2" : "raw");
	attribute(x, "      <source file=", d->file, "/>\n");
	if (d->qcow2) {
		fputs("      <backingStore type='file'>\n        <format type='raw'/>\n", x->f);
		attribute(x, "        <source file=", image, "/>\n");
		fputs("        <backingStore/>\n      </backingStore>\n", x->f);
	}
	target(x, d, used);
	if (d->read_only)
		fputs("      <readonly/>\n", x->f);
	fprintf(x->f, "      <serial>%s</serial>\n", d->serial);
	if (d->role == MACHINE_OS_DISK)
		fputs("      <boot order='1'/>\n", x->f);
	fputs("    </disk>\n", x->f);
}

static const struct rebuild_disk *find(const struct rebuild *r, const struct machine_disk *d)
{
	for (size_t i = 0; i < r->n_disks; i++)
		if (r->disk[i].role == d->role && r->disk[i].lun == d->lun)
			return &r->disk[i];
	return NULL;
}

static int disks(struct xml *x, const struct rebuild *r, const struct machine *m)
{
	unsigned ide = 0, sd = 0;
	bool scsi = false;

	for (size_t i = 0; i < m->n_disks; i++) {
		const struct machine_disk *d = &m->disk[i];
		const struct rebuild_disk *from = find(r, d);
		AUTO(free) char *path = NULL;
		char image[128];

		if (from)
			rebuild_image(r, from, "disk.raw", image);
		if (asprintf(&path, "%s/%s", r->images, from ? image : "bek-volume.raw") < 0) {
			path = NULL;
			return -ENOMEM;
		}
		disk(x, d, path, d->bus == MACHINE_BUS_IDE ? &ide : &sd);
		scsi |= d->bus == MACHINE_BUS_SCSI;
	}
	if (scsi)
		fputs("    <controller type='scsi' index='0' model='virtio-scsi'/>\n", x->f);
	return 0;
}

/* As many as the VM had, at least one, each with its cable out. */
static void end(struct xml *x, const struct rebuild *r, const struct machine *m)
{
	for (size_t i = 0; i < (r->vm->n_nics ? r->vm->n_nics : 1); i++)
		fprintf(x->f, "    <interface type='network'>\n      <source network='default'/>\n"
			"      <model type='%s'/>\n      <link state='down'/>\n    </interface>\n", machine_nic(m));
	if (r->vm->vtpm)
		fputs("    <tpm model='tpm-crb'>\n      <backend type='emulator' version='2.0'/>\n    </tpm>\n", x->f);
	fputs("    <serial type='pty'/>\n    <console type='pty'/>\n"
	      "    <graphics type='vnc' listen='127.0.0.1'/>\n    <video>\n      <model type='vga'/>\n"
	      "    </video>\n  </devices>\n</domain>\n", x->f);
}

int rebuild_libvirt_xml(const struct rebuild *r, FILE *f, struct error *err)
{
	struct xml x = { .f = f };
	AUTO(free) char *folder = NULL;
	struct machine m;
	int rc;

	rebuild_machine_init(r, &m);
	if (asprintf(&folder, LIBVIRT_FOLDER "/%s", m.name) < 0) {
		folder = NULL;
		return -ENOMEM;
	}
	rc = rebuild_machine(r, folder, &m, err);
	if (rc < 0)
		return rc;
	begin(&x, r, &m);
	rc = disks(&x, r, &m);
	end(&x, r, &m);
	if (rc == 0 && x.bad) {
		rc = error_set(err, EINVAL, "the folder of the images has a name that XML cannot hold");
		error_next(err, "mount it under a name of printable UTF-8");
	}
	return rc;
}

/* Whoever runs QEMU for libvirt must be able to read the images. */
static void check_readers(const struct rebuild *r, FILE *f)
{
	char image[128];

	rebuild_image(r, &r->disk[0], "disk.raw", image);
	fputs("image=\"$images\"/", f);
	quote_sh(f, image);
	fputs("\nfor user in libvirt-qemu qemu; do\n"
	      "\tid \"$user\" >/dev/null 2>&1 || continue\n"
	      "\trunuser -u \"$user\" -- head -c 1 -- \"$image\" >/dev/null 2>&1 || {\n"
	      "\t\techo \"libvirt.sh: $user, who runs QEMU here, cannot read $image\" >&2\n"
	      "\t\techo \"next: mount it with -o allow_other,uid=$user\" >&2\n"
	      "\t\texit 1\n"
	      "\t}\n"
	      "done\n", f);
}

int rebuild_libvirt_sh(const struct rebuild *r, FILE *f, struct error *err)
{
	struct machine m;

	rebuild_machine_init(r, &m);
	if (!r->n_disks)
		return error_set(err, EINVAL, "there is no disk");
	fputs("#!/bin/sh\n# Defines the VM \"", f);
	quote_words(f, r->title);
	fputs("\" in libvirt, from libvirt.xml beside this file.  Run as root.\n"
	      "# What the guest writes goes to qcow2 files; the images stay as they are, and stay mounted\n"
	      "# as long as the VM is used.  README.txt says what else is to be done.\n"
	      "set -eu\nhere=$(cd -- \"$(dirname -- \"$0\")\" && pwd)\nimages=", f);
	quote_sh(f, r->images);
	fputs("\n", f);
	check_readers(r, f);
	fprintf(f, "mkdir -p " LIBVIRT_FOLDER "/%s\ncd " LIBVIRT_FOLDER "/%s\n", m.name, m.name);
	rebuild_overlays_sh(r, f);
	fprintf(f, "virsh define -- \"$here\"/libvirt.xml\n"
		"echo \"next: virsh start %s; its network cable is out: virsh domif-setlink\"\n", m.name);
	return 0;
}
