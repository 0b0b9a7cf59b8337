/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files that write rebuild/: one writer a target. */
#ifndef ADE_FS_AZURE_REBUILD_PRIVATE_H
#define ADE_FS_AZURE_REBUILD_PRIVATE_H

#include "fs/azure/quote.h"
#include "fs/azure/rebuild.h"

#define LIBVIRT_FOLDER "/var/lib/libvirt/images"	/* what the guests write goes there */

/* Each writes to f.  0 or -errno with words. */
typedef int rebuild_writer(const struct rebuild *r, FILE *f, struct error *err);

rebuild_writer rebuild_readme, rebuild_libvirt_xml, rebuild_libvirt_sh, rebuild_qemu_sh, rebuild_hyperv,
	rebuild_azure_json, rebuild_azure_sh;

/* The machine, its disks lying over the images as qcow2 files "os.qcow2",
 * "lun0.qcow2" in `folder` ("": the working directory); settled. */
int rebuild_machine(const struct rebuild *r, const char *folder, struct machine *m, struct error *err);

/* A machine without disks; its name is "web1-restored": letters, digits and
 * "._-" alone, so it needs no quotes. */
void rebuild_machine_init(const struct rebuild *r, struct machine *m);

/* "os", "lun0": for file names. */
void rebuild_disk_name(const struct rebuild_disk *d, char out[24]);

/* "os/disk.raw", below the folder of the images. */
void rebuild_image(const struct rebuild *r, const struct rebuild_disk *d, const char *form, char out[128]);

/* sh: for each disk, a qcow2 overlay in the working directory over its image in $images. */
void rebuild_overlays_sh(const struct rebuild *r, FILE *f);

#endif
