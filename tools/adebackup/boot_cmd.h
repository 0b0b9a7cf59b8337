/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of `boot` share: the start itself (cmd_boot.c) and the drill (boot_drill.c). */
#ifndef ADE_TOOLS_ADEBACKUP_BOOT_CMD_H
#define ADE_TOOLS_ADEBACKUP_BOOT_CMD_H

#include "tools/adebackup/command.h"
#include "tools/lib/boot_plan.h"
#include "tools/lib/boot_state.h"
#include "tools/lib/drill.h"
#include "tools/lib/guest.h"

struct boot {
	const struct invocation *in;
	struct report report;		/* in's, with what a failed drill tells beside its error */
	struct boot_state state;
	struct boot_plan plan;
	struct guest guest;
	struct drill *drill;		/* NULL: none was asked for */
	char name[128];			/* the VM's */
	char *changes;			/* lines, malloc'ed; NULL: none */
	const char *serial;		/* the serial log */
	uint64_t began, mounted, prepared, started;	/* ms */
	bool warned;
	int code;			/* what a drill came to; -1: there was none */
};

/* QEMU is started with c.  0 or -errno with words; started is set. */
int boot_start(struct boot *b, const struct qemu_command *c, struct error *err);

/* {mounted_ms, prepared_ms, started_ms} */
json_t *boot_timing(const struct boot *b);

/* Start it, see how far it comes, tell. */
int boot_drill(struct boot *b, const struct qemu_command *c, json_t *result, struct error *err);

/* A drill whose VM could not be started: the report, and b->report.beside. */
void boot_drill_failed(struct boot *b, const struct error *why);

#endif
