/* SPDX-License-Identifier: Apache-2.0 */
/* qemu.sh: overlays for what the guest writes, and the command of qemu.h. */
#include "fs/azure/qemu.h"
#include "fs/azure/rebuild_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void begin(const struct rebuild *r, FILE *f)
{
	fputs("#!/bin/sh\n# Starts the VM \"", f);
	quote_words(f, r->title);
	fputs("\" under QEMU.\n"
	      "#   sh qemu.sh FOLDER [QEMU'S OPTIONS...]\n"
	      "# What the guest writes goes to FOLDER, which is made; the images stay as they are.\n"
	      "# IMAGES=... names another folder of images.  No network, unless you add one:\n", f);
	fprintf(f, "#   -nic user,model=%s\n",
		r->generation == MACHINE_GEN2 ? "e1000e" : "e1000");
	fputs("# README.txt beside this file says what else is to be done.\nset -eu\nimages=${IMAGES:-", f);
	quote_sh(f, r->images);
	fputs("}\n"
	      "[ $# -ge 1 ] || { echo \"usage: qemu.sh FOLDER [QEMU'S OPTIONS...]\" >&2; exit 2; }\n"
	      "case $images in /*) ;; *) images=$PWD/$images ;; esac\n"
	      "umask 077\nmkdir -p -- \"$1\"\ncd -- \"$1\"\nshift\n", f);
}

static void find_firmware(FILE *f)
{
	fputs("for d in /usr/share/OVMF /usr/share/edk2/ovmf /usr/share/edk2/x64 /usr/share/qemu; do\n"
	      "\tfor s in _4M.fd .4m.fd .fd; do\n"
	      "\t\t[ -e \"$d/OVMF_CODE$s\" ] && [ -e \"$d/OVMF_VARS$s\" ] || continue\n"
	      "\t\tln -sfn \"$d/OVMF_CODE$s\" code.fd\n"
	      "\t\t[ -e vars.fd ] || cp -- \"$d/OVMF_VARS$s\" vars.fd\n"
	      "\t\tbreak 2\n"
	      "\tdone\n"
	      "done\n"
	      "[ -e vars.fd ] || { echo \"qemu.sh: no UEFI firmware: install OVMF (Debian: ovmf)\" >&2; exit 1; }\n",
	      f);
}

static int command(const struct machine *m, enum qemu_accel accel, FILE *f, struct error *err)
{
	const struct qemu_options o = { .accel = accel, .console = QEMU_CONSOLE_STDIO,
					.display = QEMU_DISPLAY_VNC, .firmware_code = "code.fd",
					.firmware_vars = "vars.fd" };
	AUTO(qemu_command_free) struct qemu_command *c = qemu_command_new(m, &o, err);
	AUTO(free) char *text = c ? qemu_command_text(c) : NULL;
	size_t len = text ? strlen(text) : 0;

	if (!text)
		return c ? -ENOMEM : -EINVAL;
	fprintf(f, "exec %.*s \"$@\"\n", (int)(len - 1), text);
	return 0;
}

int rebuild_qemu_sh(const struct rebuild *r, FILE *f, struct error *err)
{
	struct machine m;
	int rc = rebuild_machine(r, "", &m, err);

	if (rc < 0)
		return rc;
	begin(r, f);
	rebuild_overlays_sh(r, f);
	if (r->generation == MACHINE_GEN2)
		find_firmware(f);
	fputs("# A KVM on a processor without virtualisation can hang the guest: then emulation.\n"
	      "if [ -w /dev/kvm ] && grep -Eq '^flags.* (vmx|svm)( |$)' /proc/cpuinfo; then\n", f);
	rc = command(&m, QEMU_KVM, f, err);
	if (rc < 0)
		return rc;
	fputs("fi\n", f);
	return command(&m, QEMU_TCG, f, err);
}
