/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/adebackup/command.h"

#include <errno.h>

static int run(const struct invocation *in)
{
	struct error err = ERROR_INIT;
	const struct command *c;
	int words;

	if (!in->n_operands) {
		command_print_all();
		return EXIT_DONE;
	}
	c = command_find(in->n_operands, in->operands, &words);
	if (c) {
		command_print_help(c);
		return EXIT_DONE;
	}
	error_set(&err, EINVAL, "there is no command %.64s", in->operands[0]);
	error_next(&err, "see: adebackup --help");
	return report_error(in->report, &err);
}

const struct command cmd_help = {
	.name = "help",
	.operands = "[COMMAND]",
	.max = 2,
	.summary = "explain a command",
	.text = "Prints what a command does, its operands and its options; without COMMAND, "
		"the list of commands.",
	.run = run,
};
