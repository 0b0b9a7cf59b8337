/* SPDX-License-Identifier: Apache-2.0 */
/* README.txt: what was decided and why, the ways, and what no file can do. */
#include "fs/azure/rebuild_private.h"

#include <errno.h>
#include <string.h>

static void machine_words(const struct rebuild *r, const struct machine *m, FILE *f)
{
	const struct vm_model *v = r->vm;

	fputs("THE MACHINE\n\nVM:          ", f);
	quote_words(f, r->title);
	fprintf(f, "\nguest:       %s, generation %d (%s): %s\n", r->os == MACHINE_WINDOWS ? "Windows" : "Linux",
		(int)r->generation, r->generation == MACHINE_GEN2 ? "UEFI" : "BIOS", r->why);
	fprintf(f, "processors:  %u\nmemory:      %llu MiB\nsize:        ", m->cpus, (unsigned long long)m->memory_mib);
	if (!v->size) {
		fputs("not known: processors and memory are a guess\n", f);
	} else {
		quote_words(f, v->size);
		fputs(v->size_known ? "\n" : " (not in our tables: the memory is a guess)\n", f);
	}
	fprintf(f, "firmware:    secure boot %s, virtual TPM %s\n", v->secure_boot ? "on" : "off",
		v->vtpm ? "yes" : "no");
	fprintf(f, "network:     %zu adapter%s, to be left unplugged at first (see below)\n",
		v->n_nics ? v->n_nics : 1, v->n_nics > 1 ? "s" : "");
}

static void disk_words(const struct rebuild *r, FILE *f)
{
	fputs("\nDISKS\n\n", f);
	for (size_t i = 0; i < r->n_disks; i++) {
		char name[24], image[128];

		rebuild_disk_name(&r->disk[i], name);
		rebuild_image(r, &r->disk[i], "disk.raw", image);
		fprintf(f, "%-12s %llu bytes  ", name, (unsigned long long)r->disk[i].size);
		quote_words(f, image);
		fputs(r->disk[i].locked && !r->encrypted ? "  LOCKED: a volume in it did not open\n" : "\n", f);
	}
	fputs("\nThe images are below ", f);
	quote_words(f, r->images);
	fputs(r->encrypted ? "\nThey are taken as stored, with the BEK volume (-o bekvolume) that holds their keys.\n"
			   : "\nThey are taken decrypted.  For the disks as stored, with a BEK volume: -o bekvolume.\n", f);
	if (!r->bootable)
		fputs("\nNothing that starts a machine was seen on the OS disk: no boot code, no EFI loader.  If this\n"
		      "is a data disk, attach it to a machine that runs (adebackup attach, or as a further disk).\n", f);
}

static void ways(const struct rebuild *r, FILE *f)
{
	bool gen2 = r->generation == MACHINE_GEN2;

	fputs("\nHOW\n\n"
	      "QEMU      sh qemu.sh FOLDER: what the guest writes goes to FOLDER.  adebackup boot does the same and\n"
	      "          adapts a Linux guest besides.\n"
	      "libvirt   sh libvirt.sh as root, then virsh start.  libvirt runs QEMU as a user of its own (libvirt-qemu\n"
	      "          or qemu): mount with -o allow_other,uid=libvirt-qemu.  With SELinux also\n"
	      "          setsebool virt_use_fusefs on.  The mount must be there whenever the VM runs.\n", f);
	fprintf(f, "Hyper-V   copy the images to the Hyper-V machine, with the folders as they are here, and hyperv.ps1\n"
		   "          beside them: generation %d takes %s, so %sdisk.%s of each disk.  Or write them there:\n"
		   "          adebackup restore%s.  Hyper-V refuses sparse files (0xC03A001A): after a\n"
		   "          copy that made some, fsutil sparse setflag FILE 0.  Then, as administrator:\n"
		   "          powershell -ExecutionPolicy Bypass -File hyperv.ps1 -Work D:\\restored\n",
		(int)r->generation, gen2 ? "VHDX" : "VHD", r->encrypted ? "encrypted/" : "", gen2 ? "vhdx" : "vhd",
		gen2 ? ", then Convert-VHD to VHDX" : " --format vhd");
	if (gen2 && r->encrypted)
		fputs("          There is no VHDX of the disks as stored: qemu-img convert -O vhdx -o subformat=fixed\n"
		      "          encrypted/disk.raw encrypted/disk.vhdx\n", f);
	if (r->encrypted)
		fprintf(f, "          The BEK volume too: qemu-img convert -O %s -o subformat=fixed%s bek-volume.raw bek-volume.%s\n",
			gen2 ? "vhdx" : "vpc", gen2 ? "" : ",force_size=on", gen2 ? "vhdx" : "vhd");
	fputs("Azure     sh azure.sh RESOURCE-GROUP STORAGE-ACCOUNT CONTAINER NIC-ID, with the az program signed in.\n"
	      "          azuredeploy.json can be used by itself when the VHDs are in a storage account already.\n", f);
}

static void linux_encrypted(FILE *f)
{
	fputs("- Outside Hyper-V an ADE Linux disk does not start by itself: its initramfs looks for\n"
	      "  /dev/disk/azure/root-part1, a link that Azure's own udev rules make from Hyper-V's device numbers, and on\n"
	      "  RHEL-like systems dracut's 91ade fires on Hyper-V alone (91adeOnline, by rd.luks.ade.partuuid=, does\n"
	      "  not).  In the guest's initramfs: make the link, or write the partition's UUID into crypttab.\n"
	      "  adebackup boot does that in an overlay, lists what it changed, and never touches the images.\n"
	      "- The BEK volume must be a partitioned disk that the guest calls sdX, not vdX: the Ubuntu-like\n"
	      "  keyscript looks at /sys/block/sd* only.  The files here see to that.\n"
	      "- Data disks are opened by crypttab lines that name /dev/disk/azure/scsi1/lunN, links of Azure's udev\n"
	      "  rules too: elsewhere name them by UUID.\n", f);
}

static void linux_decrypted(FILE *f)
{
	fputs("- A decrypted Linux OS disk still waits for /dev/mapper/osencrypt, which nothing makes any more.  By hand,\n"
	      "  in the guest: root= on the kernel's command line (GRUB) and / in /etc/fstab name the file system's\n"
	      "  UUID (blkid tells); the osencrypt line leaves /etc/crypttab; then update-initramfs -u, or dracut -f.\n"
	      "  adebackup boot --decrypted does that in an overlay, lists what it changed, and never touches the images.\n"
	      "- Data disks: crypttab lines that name them leave; fstab lines name the UUIDs of what is inside.\n", f);
}

static void windows(const struct rebuild *r, FILE *f)
{
	if (r->encrypted)
		fputs("- Windows opens its volumes by the .BEK files on the BEK volume; it must be there at each start.\n"
		      "  A volume that is bound to a TPM besides cannot be opened by a new one.\n", f);
	else
		fputs("- The volumes are plain NTFS to this machine.  Do not turn BitLocker on before the copy is one that\n"
		      "  you keep.\n", f);
	fputs("- Disks are on IDE or SATA, for which every Windows has a driver at start.  virtio comes after its\n"
	      "  drivers are installed.\n"
	      "- Windows may ask to be activated again, as the hardware is new.\n", f);
}

static void by_hand(const struct rebuild *r, FILE *f)
{
	fputs("\nWHAT IS TO BE DONE BY HAND, AND WHY\n\n", f);
	if (r->os == MACHINE_WINDOWS)
		windows(r, f);
	else if (r->encrypted)
		linux_encrypted(f);
	else
		linux_decrypted(f);
	fputs("- Network: the copy has the name, the domain account and any fixed address of the original.  Leave it\n"
	      "  unplugged as long as the original may run; then connect it, and look at the address: Azure gave it by\n"
	      "  DHCP, and network rules may be bound to the old MAC address (/etc/netplan, ifcfg-eth0).\n"
	      "- Azure's temporary disk (D: or /mnt) is not part of a backup: page files, swap and tempdb that were on\n"
	      "  it are made anew or must be moved.\n"
	      "- Azure's guest agent finds no Azure elsewhere and can be disabled.\n", f);
}

static void azure_encrypted(const struct rebuild *r, FILE *f)
{
	const struct azure_settings *s = r->vm->settings;

	fputs("- The disks keep their encryption, so the Key Vault must be in the VM's subscription and region, be\n"
	      "  enabled for disk encryption, and still hold the secret (and the KEK) under the URLs in the template.\n"
	      "  A deleted one is put back first (adebackup keystore, az keyvault secret restore).\n"
	      "- After the first start run the extension again, else the host does not stamp the new disks, puts no\n"
	      "  keys of data disks on the BEK volume, and tells them as not encrypted; the restore template does not\n"
	      "  carry it:\n"
	      "    az vm encryption enable --resource-group GROUP --name VM --disk-encryption-keyvault VAULT", f);
	if (s && s->n_secrets && s->secrets[0].kek_url)
		fputs(" \\\n      --key-encryption-key KEK", f);
	fprintf(f, " --volume-type %s\n", s && s->mechanism == ADE_DUAL_PASS ? "data \\\n      --aad-client-id ID --aad-client-secret SECRET" : "all");
	if (!s || !s->n_secrets)
		fputs("- No secret is known for this VM: azuredeploy.json has no encryption settings, and the VM will not\n"
		      "  start until they are set on the OS disk (encryptionSettingsCollection).\n", f);
	fputs("- From 15 September 2028 Azure unlocks no ADE disks any more: then take the decrypted disks.\n", f);
}

static void azure(const struct rebuild *r, FILE *f)
{
	fputs("\nIN AZURE\n\n", f);
	if (r->encrypted)
		azure_encrypted(r, f);
	else
		fputs("- The disks arrive decrypted, without encryption settings; Azure encrypts them at rest with its own keys.\n"
		      "  Encryption at host takes the place of ADE: az vm update --set securityProfile.encryptionAtHost=true.\n", f);
	fputs("- There is no osProfile: accounts are those on the disk.\n"
	      "- The network interface must be there first, in the VM's region; a copy takes no interface that the\n"
	      "  original has.\n", f);
	for (size_t i = 0; i < r->vm->n_nics; i++)
		if (r->vm->nic[i].id) {
			fputs(r->vm->nic[i].primary ? "  original, primary: " : "  original: ", f);
			quote_words(f, r->vm->nic[i].id);
			putc('\n', f);
		}
	if (r->vm->secure_boot || r->vm->vtpm || r->vm->confidential)
		fputs("- Trusted launch and confidential computing are no part of the template: they are set when the disk is\n"
		      "  made (az disk create --security-type).  A generation cannot be changed later.\n", f);
}

int rebuild_readme(const struct rebuild *r, FILE *f, struct error *err)
{
	struct machine m;
	int rc = rebuild_machine(r, "", &m, err);

	if (rc < 0)
		return rc;
	fputs("How to make this VM again outside of where it was, from the disks of this backup.\n"
	      "Nothing here was run; the backup is never changed by any of it.\n\n", f);
	machine_words(r, &m, f);
	disk_words(r, f);
	ways(r, f);
	by_hand(r, f);
	azure(r, f);
	return 0;
}
