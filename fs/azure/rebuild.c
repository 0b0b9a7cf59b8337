/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/azure/rebuild_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct file { const char *name, *target; rebuild_writer *write; };

static const struct file files[REBUILD_N_FILES] = {
	[REBUILD_README] = { "README.txt", "", rebuild_readme },
	[REBUILD_LIBVIRT_XML] = { "libvirt.xml", "libvirt", rebuild_libvirt_xml },
	[REBUILD_LIBVIRT_SH] = { "libvirt.sh", "libvirt", rebuild_libvirt_sh },
	[REBUILD_QEMU_SH] = { "qemu.sh", "qemu", rebuild_qemu_sh },
	[REBUILD_HYPERV_PS1] = { "hyperv.ps1", "hyperv", rebuild_hyperv },
	[REBUILD_AZURE_JSON] = { "azuredeploy.json", "azure", rebuild_azure_json },
	[REBUILD_AZURE_SH] = { "azure.sh", "azure", rebuild_azure_sh },
};

const char *rebuild_file_name(enum rebuild_file which)
{
	return files[which].name;
}

const char *rebuild_file_target(enum rebuild_file which)
{
	return files[which].target;
}

char *rebuild_text(const struct rebuild *r, enum rebuild_file which, struct error *err)
{
	AUTO(free) char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int rc = f ? files[which].write(r, f, err) : -ENOMEM;

	if (f && (ferror(f) | fclose(f)))
		rc = -ENOMEM;
	if (rc == -ENOMEM)
		error_set(err, ENOMEM, "out of memory");
	return rc ? NULL : TAKE(text);
}

void rebuild_machine_init(const struct rebuild *r, struct machine *m)
{
	char name[sizeof(m->name)];

	snprintf(name, sizeof(name), "%.*s-restored", (int)(sizeof(name) - sizeof("-restored")), r->title);
	machine_init(m, name, r->os, r->generation);
}

void rebuild_disk_name(const struct rebuild_disk *d, char out[24])
{
	if (d->role == MACHINE_DATA_DISK)
		snprintf(out, 24, "lun%d", d->lun);
	else
		snprintf(out, 24, "os");
}

void rebuild_image(const struct rebuild *r, const struct rebuild_disk *d, const char *form, char out[128])
{
	snprintf(out, 128, "%s%s%s%s", d->folder, d->folder[0] ? "/" : "", r->encrypted ? "encrypted/" : "", form);
}

/* Linux takes the BEK volume read-only; Windows gets it on a bus that does not. */
static int add_bek(const struct rebuild *r, const char *folder, struct machine *m, struct error *err)
{
	char file[MACHINE_FILE_MAX];
	struct machine_disk *d;

	if (r->os == MACHINE_LINUX)
		snprintf(file, sizeof(file), "%s%sbek-volume.raw", folder[0] ? r->images : "", folder[0] ? "/" : "");
	else
		snprintf(file, sizeof(file), "%s%sbek.qcow2", folder, folder[0] ? "/" : "");
	d = machine_add_disk(m, MACHINE_BEK_DISK, -1, file, r->os == MACHINE_LINUX, err);
	if (d)
		d->qcow2 = r->os == MACHINE_WINDOWS;
	return d ? 0 : -EINVAL;
}

int rebuild_machine(const struct rebuild *r, const char *folder, struct machine *m, struct error *err)
{
	rebuild_machine_init(r, m);
	vm_model_apply(r->vm, m);
	m->os = r->os;
	m->generation = r->generation;
	for (size_t i = 0; i < r->n_disks; i++) {
		char file[128], name[24];
		struct machine_disk *d;

		rebuild_disk_name(&r->disk[i], name);
		snprintf(file, sizeof(file), "%s%s%s.qcow2", folder, folder[0] ? "/" : "", name);
		d = machine_add_disk(m, r->disk[i].role, r->disk[i].lun, file, false, err);
		if (!d)
			return -EINVAL;
		d->qcow2 = true;
	}
	if (r->encrypted && add_bek(r, folder, m, err) < 0)
		return -EINVAL;
	return machine_settle(m, err);
}

static void overlay_sh(FILE *f, const char *over, const char *image)
{
	fprintf(f, "[ -e %s.qcow2 ] || qemu-img create -q -f qcow2 -F raw -b \"$images\"/", over);
	quote_sh(f, image);
	fprintf(f, " %s.qcow2\n", over);
}

void rebuild_overlays_sh(const struct rebuild *r, FILE *f)
{
	for (size_t i = 0; i < r->n_disks; i++) {
		char name[24], image[128];

		rebuild_disk_name(&r->disk[i], name);
		rebuild_image(r, &r->disk[i], "disk.raw", image);
		overlay_sh(f, name, image);
	}
	if (r->encrypted && r->os == MACHINE_WINDOWS)
		overlay_sh(f, "bek", "bek-volume.raw");
	else if (r->encrypted)
		fputs("ln -sfn \"$images\"/bek-volume.raw bek-volume.raw\n", f);
}
