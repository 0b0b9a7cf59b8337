/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine (machine.h) as a QEMU command.  Pure: looks at no file and starts
 * nothing, so that what `boot` runs, what `boot --dry-run` prints and what
 * rebuild/ holds are the same words.
 */
#ifndef ADE_FS_AZURE_QEMU_H
#define ADE_FS_AZURE_QEMU_H

#include "crypto/cleanup.h"
#include "fs/azure/machine.h"

#define QEMU_PROGRAM "qemu-system-x86_64"

enum qemu_accel { QEMU_TCG, QEMU_KVM };
enum qemu_console {
	QEMU_CONSOLE_STDIO,	/* serial line on standard input and output, monitor behind Ctrl-A C */
	QEMU_CONSOLE_LOG,	/* serial line to serial_log alone */
};
enum qemu_display { QEMU_DISPLAY_NONE, QEMU_DISPLAY_GTK, QEMU_DISPLAY_VNC };

struct qemu_options {
	enum qemu_accel accel;
	enum qemu_console console;
	enum qemu_display display;
	const char *firmware_code;	/* generation 2: OVMF's code, and a copy of its variables */
	const char *firmware_vars;
	const char *serial_log;		/* what the guest says on the serial line; NULL: not kept */
	const char *qmp_socket;		/* NULL: none */
	const char *pid_file;		/* NULL: none */
};

struct qemu_command;

/* m: settled.  NULL: ENOMEM, EINVAL (generation 2 without firmware, or a file
 * name that cannot be written in QEMU's syntax). */
struct qemu_command *qemu_command_new(const struct machine *m, const struct qemu_options *o,
				      struct error *err);
void qemu_command_free(struct qemu_command *c);

/* NULL-terminated, borrowed; [0] is QEMU_PROGRAM. */
char *const *qemu_command_argv(const struct qemu_command *c);

/* For people and scripts: quoted for sh, an option a line joined by "\".
 * malloc'ed; NULL: no memory. */
char *qemu_command_text(const struct qemu_command *c);

/*
 * Which accelerator, and why.  KVM is chosen by itself only where /dev/kvm
 * opens and the processor says vmx or svm: a KVM that is emulated in software
 * can abort QEMU or hang the guest.
 */
enum qemu_accel_wish { QEMU_ACCEL_AUTO, QEMU_ACCEL_KVM, QEMU_ACCEL_TCG };

/* kvm_errno: what opening /dev/kvm came to, 0: it opens.  cpuinfo: the text of
 * /proc/cpuinfo.  *why: a static sentence.  -ENOTSUP with words when KVM was
 * asked for and /dev/kvm does not open. */
int qemu_choose_accel(enum qemu_accel_wish wish, int kvm_errno, const char *cpuinfo,
		      enum qemu_accel *accel, const char **why, struct error *err);

DEFINE_CLEANUP(struct qemu_command *, qemu_command_free);

#endif
