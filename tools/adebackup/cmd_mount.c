/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/adebackup/command.h"
#include "tools/lib/mounting.h"

static int run(const struct invocation *in)
{
	struct mount_request req = { .spec = in->operands[0], .dir = in->operands[1],
				     .options = in->options };

	return mounting_run(&req, in->report);
}

const struct command cmd_mount = {
	.name = "mount",
	.operands = "SPEC DIR",
	.min = 2,
	.max = 2,
	.summary = "show a disk image or a vault as decrypted images in a folder",
	.text = "Mounts SPEC, a raw image, a fixed VHD or a block device, at the folder DIR, and "
		"returns when the files are there. disk.raw, disk.vhd and disk.vhdx are the whole disk with "
		"each volume that a key opens decrypted in place, p1.raw, p2.raw and so on its "
		"partitions, encrypted/ the disk as it is stored, and info.json says what was "
		"found. SPEC is never written to.\n\n"
		"Of a vault, the folders are its VMs, in them their recovery points by time and `latest`, "
		"and in those their disks; --vm and --point show one of them alone. A disk is fetched "
		"as it is read.\n\n"
		"A key that is named and opens nothing makes the command fail with exit code 12. "
		"Without any key it ends with 3, and the files of locked volumes refuse to open; "
		"where a person sits at a terminal, it asks for a password first.\n\n"
		"Undo it with adebackup umount. mount(8) does the same with -t adebackup.",
	.example = "  adebackup mount osdisk.vhd /mnt --bek 5F1A2C9E.BEK\n"
		   "  mount -t adebackup -o bek=/keys/5F1A2C9E.BEK /srv/osdisk.vhd /mnt",
	.groups = G_KEYS | G_VAULT | G_MOUNT,
	.run = run,
};
