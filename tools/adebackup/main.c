/* SPDX-License-Identifier: Apache-2.0 */
/* adebackup COMMAND …: finds the command, checks its options, runs it. */
#include "fs/util/log.h"
#include "tools/adebackup/command.h"
#include "tools/lib/process.h"
#include "tools/lib/spec_secrets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "key" alone, where there are "key add" and others. */
static bool list_subcommands(const char *word)
{
	size_t len = strlen(word);
	bool any = false;
	int i;

	for (i = 0; commands[i]; i++) {
		if (strncmp(commands[i]->name, word, len) || commands[i]->name[len] != ' ')
			continue;
		if (!any)
			fprintf(stderr, "adebackup: %s needs one of these after it:\n", word);
		fprintf(stderr, "  %-16s %s\n", commands[i]->name, commands[i]->summary);
		any = true;
	}
	return any;
}

static int refuse_command(const struct report *r, const char *word)
{
	struct error err = ERROR_INIT;
	const char *best = NULL;
	unsigned near = 3, d;
	int i;

	if (list_subcommands(word))
		return EXIT_USAGE;
	for (i = 0; commands[i]; i++) {
		d = commands[i]->summary ? edit_distance(word, commands[i]->name) : 99;
		if (d < near) {
			near = d;
			best = commands[i]->name;
		}
	}
	error_set(&err, EINVAL, *word == '-' ? "options come after the command: %.64s"
					     : "there is no command %.64s", word);
	if (best)
		error_next(&err, "did you mean %s?", best);
	else
		error_next(&err, "see: adebackup --help");
	return report_error(r, &err);
}

static int check_operands(const struct command *c, int n, char **operands, struct error *err)
{
	int rc = 0;

	if (n < c->min)
		rc = error_set(err, EINVAL, "%s needs %s", c->name, c->operands);
	else if (c->max >= 0 && n > c->max)
		rc = error_set(err, EINVAL, "%s: one operand too many: %.64s", c->name,
			       operands[c->max]);
	if (rc)
		error_next(err, "see: adebackup %s --help", c->name);
	return rc;
}

/* The operands, with the vault of the environment in front where one is missing.
 * all: room for one more than there are. */
static void take_operands(struct invocation *in, int n, char **operands, char **all)
{
	char *vault = in->command->vault && n < in->command->min ? getenv("ADEBACKUP_VAULT") : NULL;

	in->operands = operands;
	in->n_operands = n;
	if (!vault || !*vault)
		return;
	all[0] = vault;
	if (n)
		memcpy(all + 1, operands, (size_t)n * sizeof(*all));
	in->operands = all;
	in->n_operands = n + 1;
}

/* Options that cannot be read are told as JSON too where that is asked for. */
static bool asks_for_json(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--json"))
			return true;
	return false;
}

static int run(const struct command *c, int argc, char **argv, const struct spec_secrets *secrets)
{
	AUTO(free) char **all = calloc((size_t)argc + 2, sizeof(*all));
	AUTO(options_free) struct options *o = options_new(c->groups);
	struct report r = { .program = "adebackup", .command = c->name };
	struct invocation in = { .command = c, .options = o, .report = &r };
	struct error err = ERROR_INIT;
	int first = 0, rc;

	if (o)
		options_set_secrets(o, secrets);
	if (!o || !all)
		rc = error_set(&err, ENOMEM, "out of memory");
	else
		rc = options_parse(o, argc, argv, &first, &err);
	if (o) {
		r.json = options_has(o, OPT_JSON) || (rc && asks_for_json(argc, argv));
		r.quiet = options_has(o, OPT_QUIET);
	}
	if (rc)
		return report_error(&r, &err);
	if (options_has(o, OPT_HELP)) {
		command_print_help(c);
		return EXIT_DONE;
	}
	spec_secrets_warn(secrets, &r);
	take_operands(&in, argc - first, argv + first, all);
	if (check_operands(c, in.n_operands, in.operands, &err))
		return report_error(&r, &err);
	return c->run(&in);
}

int main(int argc, char **argv)
{
	__attribute__((cleanup(spec_secrets_clear_cleanup))) struct spec_secrets secrets = { .n = 0 };
	struct report r = { .program = "adebackup" };
	struct error err = ERROR_INIT;
	const struct command *c;
	int words, rc = process_init();

	spec_secrets_take(&secrets, argc, argv);
	log_init("adebackup", LOG_LEVEL_INFO);
	if (rc) {
		error_set(&err, -rc, "cannot start: %s", strerror(-rc));
		return report_error(&r, &err);
	}
	if (argc < 2) {
		fprintf(stderr, "usage: adebackup COMMAND [operands] [--option VALUE]...\n"
				"  next: see: adebackup --help\n");
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		command_print_all();
		return EXIT_DONE;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("adebackup " ADE_VERSION);
		return EXIT_DONE;
	}
	r.json = asks_for_json(argc, argv);
	c = command_find(argc - 1, argv + 1, &words);
	return c ? run(c, argc - words, argv + words, &secrets) : refuse_command(&r, argv[1]);
}
