/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command of adebackup: one file cmd_NAME.c with a `const struct command
 * cmd_NAME`, and one line in commands.def.  Help, manual page, completion and
 * the checking of options and operands come from here and the option table.
 */
#ifndef ADE_TOOLS_ADEBACKUP_COMMAND_H
#define ADE_TOOLS_ADEBACKUP_COMMAND_H

#include "tools/lib/options.h"
#include "tools/lib/report.h"

#include <stddef.h>
#include <stdint.h>

struct command;

struct invocation {
	const struct command *command;
	struct options *options;
	const struct report *report;
	char **operands;		/* as many as the command says */
	int n_operands;
};

struct command {
	const char *name;		/* "mount", or two words: "key add" */
	const char *operands;		/* "SPEC DIR [VM[@POINT]]" */
	int min, max;			/* how many operands; max -1: any number */
	const char *summary;		/* one line, no full stop; NULL: not listed */
	const char *text;		/* for --help and the manual: sentences, \n\n between paragraphs */
	const char *example;		/* one or more lines; may be NULL */
	uint64_t groups;		/* options that it takes; G_ALL is implied */
	bool vault;			/* the first operand is a vault: $ADEBACKUP_VAULT stands in
					 * for it when there are fewer operands than `min` */
	int (*run)(const struct invocation *in);	/* the exit code of the process */
};

/* Ends with NULL; in the order of --help. */
extern const struct command *const commands[];

/* By argv after the program's name; *words: how many name it.  NULL: none. */
const struct command *command_find(int argc, char **argv, int *words);

void command_print_usage(const struct command *c);	/* the line on stderr */
void command_print_help(const struct command *c);	/* --help, on stdout */
void command_print_all(void);				/* adebackup --help */

#endif
