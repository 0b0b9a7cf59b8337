/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/adebackup/command.h"
#include "tools/lib/help.h"

#include <stdio.h>
#include <string.h>

#define COMMAND(name) extern const struct command cmd_##name;
#include "tools/adebackup/commands.def"
#undef COMMAND

const struct command *const commands[] = {
#define COMMAND(name) &cmd_##name,
#include "tools/adebackup/commands.def"
#undef COMMAND
	NULL,
};

/* How many leading words of argv are the name; 0: another. */
static int name_words(const char *name, int argc, char **argv)
{
	const char *blank = strchr(name, ' ');
	size_t len = blank ? (size_t)(blank - name) : strlen(name);

	if (argc < 1 || strlen(argv[0]) != len || strncmp(argv[0], name, len))
		return 0;
	if (!blank)
		return 1;
	return argc > 1 && !strcmp(argv[1], blank + 1) ? 2 : 0;
}

const struct command *command_find(int argc, char **argv, int *words)
{
	const struct command *found = NULL;
	int i, n;

	*words = 0;
	for (i = 0; commands[i]; i++) {
		n = name_words(commands[i]->name, argc, argv);
		if (n > *words) {
			*words = n;
			found = commands[i];
		}
	}
	return found;
}

void command_print_usage(const struct command *c)
{
	fprintf(stderr, "usage: adebackup %s%s%s [--option VALUE]...\n", c->name,
		*c->operands ? " " : "", c->operands);
}

void command_print_help(const struct command *c)
{
	printf("usage: adebackup %s%s%s [--option VALUE]...\n\n", c->name,
	       *c->operands ? " " : "", c->operands);
	help_print_wrapped(stdout, c->text, 0);
	putchar('\n');
	help_print_options(stdout, c->groups | G_ALL, HELP_LONG);
	if (c->example)
		printf("\nexample:\n%s\n", c->example);
}

void command_print_all(void)
{
	int i;

	printf("usage: adebackup COMMAND [operands] [--option VALUE]...\n\n"
	       "Backs up, mounts and restores the disks of VMs that Azure Disk Encryption has\n"
	       "encrypted (BitLocker, LUKS).\n\ncommands:\n");
	for (i = 0; commands[i]; i++)
		if (commands[i]->summary)
			printf("  %-16s %s\n", commands[i]->name, commands[i]->summary);
	printf("\n`adebackup COMMAND --help` explains one; all of it is in adebackup(1).\n");
}
