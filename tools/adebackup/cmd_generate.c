/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the build: what is written from the tables.
 *	generate completion	bash completion
 *	generate man FILE	a manual page from its template, in which a line
 *				@COMMANDS@, @OPTIONS@, @MOUNT_OPTIONS@ stands for a list
 */
#include "tools/adebackup/command.h"
#include "tools/adebackup/completion.h"
#include "tools/lib/help.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void man_command(const struct command *c)
{
	const char *line = c->example, *end;

	printf(".Ss adebackup %s%s%s\n", c->name, *c->operands ? " " : "", c->operands);
	help_print_roff(stdout, c->text);
	putchar('\n');
	if (c->groups)
		help_print_mdoc_groups(stdout, c->groups);
	if (!c->example)
		return;
	printf(".Bd -literal -offset indent\n");
	for (; *line; line = *end ? end + 1 : end) {
		end = strchrnul(line, '\n');
		line += strspn(line, " ");
		fwrite(line, 1, (size_t)(end - line), stdout);
		putchar('\n');
	}
	printf(".Ed\n");
}

static void man_line(const char *line)
{
	int i;

	if (!strcmp(line, "@COMMANDS@\n")) {
		for (i = 0; commands[i]; i++)
			if (commands[i]->summary)
				man_command(commands[i]);
	} else if (!strcmp(line, "@OPTIONS@\n")) {
		help_print_mdoc(stdout, ~0u, HELP_LONG);
	} else if (!strcmp(line, "@MOUNT_OPTIONS@\n")) {
		help_print_mdoc(stdout, G_KEYS | G_MOUNT | G_ALL, HELP_LIST);
	} else {
		fputs(line, stdout);
	}
}

static int man_page(const char *path, struct error *err)
{
	AUTO(free) char *line = NULL;
	size_t cap = 0;
	FILE *f = fopen(path, "re");

	if (!f)
		return error_set(err, errno, "cannot read %s: %s", path, strerror(errno));
	while (getline(&line, &cap, f) >= 0)
		man_line(line);
	fclose(f);
	return 0;
}

static int run(const struct invocation *in)
{
	struct error err = ERROR_INIT;

	if (!strcmp(in->operands[0], "completion") && in->n_operands == 1)
		completion_print_bash(stdout);
	else if (!strcmp(in->operands[0], "man") && in->n_operands == 2)
		man_page(in->operands[1], &err);
	else
		error_set(&err, EINVAL, "generate takes: completion, or man FILE");
	if (fflush(stdout))
		error_set(&err, errno, "cannot write: %s", strerror(errno));
	return report_error(in->report, &err);
}

const struct command cmd_generate = {
	.name = "generate",
	.operands = "completion|man [FILE]",
	.min = 1,
	.max = 2,
	.text = "Writes what is made from the tables of commands and options when the program is "
		"built.",
	.run = run,
};
