/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM's shell written down: the files of rebuild/, from which an operator
 * makes the machine again on libvirt, QEMU, Hyper-V or in Azure, and the words
 * that say what no file can do.  Pure: looks at nothing and starts nothing.
 *
 * Whatever a name or a path holds, it stays text in what is written.
 */
#ifndef ADE_FS_AZURE_REBUILD_H
#define ADE_FS_AZURE_REBUILD_H

#include "fs/azure/vm_model.h"

struct rebuild_disk {
	enum machine_role role;		/* OS or data */
	int lun;			/* data: as Azure numbers it; else -1 */
	char folder[64];		/* below `images`: "os", "lun0"; "": the images are in `images` itself */
	uint64_t size;			/* bytes of the image */
	bool locked;			/* a volume in it did not open */
};

struct rebuild {
	char title[128];		/* the VM as its owner calls it: any bytes */
	const struct vm_model *vm;	/* borrowed */
	const char *images;		/* absolute path of the mounted folder; borrowed, any bytes */
	enum machine_os os;
	enum machine_generation generation;
	char why[160];			/* how OS and generation are known */
	bool bootable;			/* something on the OS disk starts a machine, as far as was seen */
	bool encrypted;			/* disks as stored, with the BEK volume; else decrypted */
	struct rebuild_disk disk[MACHINE_DISKS_MAX];
	size_t n_disks;			/* OS disk first */
};

enum rebuild_file {
	REBUILD_README,
	REBUILD_LIBVIRT_XML, REBUILD_LIBVIRT_SH,
	REBUILD_QEMU_SH,
	REBUILD_HYPERV_PS1,
	REBUILD_AZURE_JSON, REBUILD_AZURE_SH,
	REBUILD_N_FILES
};

const char *rebuild_file_name(enum rebuild_file which);		/* "README.txt", "libvirt.xml", … */
const char *rebuild_file_target(enum rebuild_file which);	/* "libvirt", …; README: "" */

/* malloc'ed, ends with a newline.  NULL: EINVAL with words (a path that the
 * form cannot hold, or disks that no machine can have), ENOMEM. */
char *rebuild_text(const struct rebuild *r, enum rebuild_file which, struct error *err);

#endif
