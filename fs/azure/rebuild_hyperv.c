/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hyperv.ps1, for the Hyper-V module of Windows Server 2016 and later:
 * generation 1 starts from VHD on IDE, generation 2 from VHDX on SCSI.
 */
#include "fs/azure/rebuild_private.h"

#include <errno.h>
#include <string.h>

#define PARAMETERS \
	"[CmdletBinding()]\n" \
	"param(\n" \
	"    # the name of the new VM\n" \
	"    [string]$Name = '%s',\n" \
	"    # a folder with the disks in it, as the mount shows them or restore wrote them\n" \
	"    [string]$Images = $PSScriptRoot,\n" \
	"    # a folder for differencing disks: the images stay as they are; else they are used themselves\n" \
	"    [string]$Work = '',\n" \
	"    # a virtual switch; none: the network adapters stay unplugged\n" \
	"    [string]$SwitchName = ''\n" \
	")\n" \
	"Set-StrictMode -Version Latest\n" \
	"$ErrorActionPreference = 'Stop'\n\n"

static const char *const functions =
	"function Find-Image([string[]]$Candidates) {\n"
	"    foreach ($candidate in $Candidates) {\n"
	"        $path = Join-Path -Path $Images -ChildPath $candidate\n"
	"        if (Test-Path -LiteralPath $path -PathType Leaf) {\n"
	"            return (Resolve-Path -LiteralPath $path).ProviderPath\n"
	"        }\n"
	"    }\n"
	"    throw \"None of these is in ${Images}: $($Candidates -join ', ')\"\n"
	"}\n\n"
	"function Use-Image([string]$Path, [string]$DiskName) {\n"
	"    if (-not $Work) {\n"
	"        $item = Get-Item -LiteralPath $Path\n"
	"        if ($item.IsReadOnly) { throw \"$Path is read-only: name a folder with -Work, or copy it\" }\n"
	"        return $Path\n"
	"    }\n"
	"    $extension = [System.IO.Path]::GetExtension($Path)\n"
	"    $child = Join-Path -Path $Work -ChildPath ($DiskName + $extension)\n"
	"    if (-not (Test-Path -LiteralPath $child)) {\n"
	"        New-VHD -Path $child -ParentPath $Path -Differencing | Out-Null\n"
	"    }\n"
	"    return $child\n"
	"}\n\n"
	"if ($Work) { New-Item -ItemType Directory -Path $Work -Force | Out-Null }\n"
	"if (Get-VM -Name $Name -ErrorAction SilentlyContinue) { throw \"There is a VM $Name already\" }\n\n";

static const char *form(const struct rebuild *r)
{
	return r->generation == MACHINE_GEN2 ? "vhdx" : "vhd";
}

/* As the mount shows it, then as restore names it. */
static void image(const struct rebuild *r, const struct rebuild_disk *d, FILE *f)
{
	char name[24], path[128], whole[sizeof("disk.vhdx")], file[32];

	rebuild_disk_name(d, name);
	snprintf(whole, sizeof(whole), "disk.%s", form(r));
	snprintf(file, sizeof(file), "%s.%s", name, form(r));
	rebuild_image(r, d, whole, path);
	for (char *p = path; *p; p++)
		if (*p == '/')
			*p = '\\';
	fputs("Use-Image (Find-Image ", f);
	quote_powershell(f, path);
	fprintf(f, ", '%s') '%s'\n", file, name);
}

/* Every image is looked for before anything is made. */
static void find_disks(const struct rebuild *r, FILE *f)
{
	for (size_t i = 0; i < r->n_disks; i++) {
		fprintf(f, "$disk%zu = ", i);
		image(r, &r->disk[i], f);
	}
	if (r->encrypted)
		fprintf(f, "$bek = Use-Image (Find-Image 'bek-volume.%s') 'bek'\n", form(r));
	putc('\n', f);
}

static void make_vm(const struct rebuild *r, const struct machine *m, FILE *f)
{
	fprintf(f, "$vm = New-VM -Name $Name -Generation %d -MemoryStartupBytes %lluMB -VHDPath $disk0\n"
		"Set-VM -VM $vm -ProcessorCount %u -StaticMemory -AutomaticCheckpointsEnabled $false\n", (int)r->generation,
		(unsigned long long)(m->memory_mib + (m->memory_mib & 1)), m->cpus);
	if (r->generation == MACHINE_GEN1)
		return;
	if (r->vm->secure_boot)
		fprintf(f, "Set-VMFirmware -VM $vm -EnableSecureBoot On -SecureBootTemplate '%s'\n",
			r->os == MACHINE_WINDOWS ? "MicrosoftWindows" : "MicrosoftUEFICertificateAuthority");
	else
		fputs("Set-VMFirmware -VM $vm -EnableSecureBoot Off\n", f);
	fputs("Set-VMFirmware -VM $vm -FirstBootDevice (Get-VMHardDiskDrive -VM $vm)\n", f);
	if (r->vm->vtpm)
		fputs("Set-VMKeyProtector -VM $vm -NewLocalKeyProtector\nEnable-VMTPM -VM $vm\n", f);
}

/* Generation 1 has the OS disk on IDE, and SCSI 0 to itself; in generation 2 the
 * OS disk is at SCSI 0:0, so LUNs begin at the second controller.  A controller
 * takes 64, a VM four. */
static void add_disks(const struct rebuild *r, FILE *f)
{
	unsigned controller = r->generation == MACHINE_GEN2 ? 1 : 0, n = 1;

	if (r->n_disks > 1 && controller)
		fputs("Add-VMScsiController -VM $vm\n", f);
	for (size_t i = 1; i < r->n_disks; i++)
		fprintf(f, "Add-VMHardDiskDrive -VM $vm -ControllerType SCSI -ControllerNumber %u "
			"-ControllerLocation %d -Path $disk%zu\n", controller, r->disk[i].lun, i);
	if (r->encrypted && r->generation == MACHINE_GEN1)
		fputs("Add-VMHardDiskDrive -VM $vm -ControllerType IDE -ControllerNumber 0 "
		      "-ControllerLocation 1 -Path $bek\n", f);
	else if (r->encrypted)
		fprintf(f, "Add-VMHardDiskDrive -VM $vm -ControllerType SCSI -ControllerNumber 0 "
			"-ControllerLocation %u -Path $bek\n", n);
}

static void add_network(const struct rebuild *r, FILE *f)
{
	for (size_t i = 1; i < r->vm->n_nics; i++)
		fprintf(f, "Add-VMNetworkAdapter -VM $vm -Name 'Network Adapter %zu'\n", i + 1);
	fputs("if ($SwitchName) {\n"
	      "    Get-VMNetworkAdapter -VM $vm | Connect-VMNetworkAdapter -SwitchName $SwitchName\n"
	      "} else {\n"
	      "    Write-Host 'The network adapters are unplugged: see README.txt before you connect them.'\n"
	      "}\n"
	      "$vm\n"
	      "Write-Host \"Next: Start-VM -Name '$Name'\"\n", f);
}

int rebuild_hyperv(const struct rebuild *r, FILE *f, struct error *err)
{
	struct machine m;
	int rc = rebuild_machine(r, "", &m, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < r->n_disks; i++)
		if (r->disk[i].lun > 63)
			return error_set(err, EINVAL, "Hyper-V has no LUN %d", r->disk[i].lun);
	/* without the mark Windows PowerShell 5 reads another code page, in which other bytes are quotes */
	fputs("\xef\xbb\xbf#Requires -Version 5.1\n#Requires -Modules Hyper-V\n#Requires -RunAsAdministrator\n"
	      "# Makes the VM \"", f);
	quote_words(f, r->title);
	fputs("\" in Hyper-V; starts nothing.  README.txt beside this file says how the\n"
	      "# disks come to this machine, and what else is to be done.\n", f);
	fprintf(f, PARAMETERS, m.name);
	fputs(functions, f);
	find_disks(r, f);
	make_vm(r, &m, f);
	add_disks(r, f);
	add_network(r, f);
	return 0;
}
