/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/adebackup/completion.h"
#include "tools/adebackup/command.h"

#include <string.h>

static void print_name(FILE *f, const char *name)
{
	for (; *name; name++)
		fputc(*name == '_' ? '-' : *name, f);
}

/* First or second words of the commands' names, each once, as they are sorted
 * in the table.  first NULL: the first words. */
static void print_words(FILE *f, const char *first)
{
	size_t len = first ? strlen(first) : 0, n, before = 0;
	const char *last = NULL, *word;
	int i;

	for (i = 0; commands[i]; i++) {
		if (!commands[i]->summary)
			continue;
		word = commands[i]->name;
		if (first && (strncmp(word, first, len) || word[len] != ' '))
			continue;
		word += first ? len + 1 : 0;
		n = strcspn(word, " ");
		if (last && n == before && !strncmp(last, word, n))
			continue;
		fprintf(f, " %.*s", (int)n, word);
		last = word;
		before = n;
	}
}

static void print_options(FILE *f, uint64_t groups)
{
	int i;

	for (i = 0; i < N_OPTIONS; i++) {
		if (!(option_defs[i].groups & (groups | G_ALL)))
			continue;
		fputs(" --", f);
		print_name(f, option_defs[i].name);
	}
}

/* How the value of the option before the cursor is completed. */
static void print_value(FILE *f, const struct option_def *def)
{
	const char *c;

	fputs("\t--", f);
	print_name(f, def->name);
	if (!strcmp(def->value, "DIR")) {
		fputs(") compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- \"$cur\") ;;\n", f);
	} else if (!strcmp(def->value, "USER") || !strcmp(def->value, "GROUP")) {
		fprintf(f, ") mapfile -t COMPREPLY < <(compgen -%c -- \"$cur\") ;;\n",
			*def->value == 'U' ? 'u' : 'g');
	} else if (strchr(def->value, '|') && !strpbrk(def->value, "[]:")) {
		fputs(") mapfile -t COMPREPLY < <(compgen -W '", f);
		for (c = def->value; *c; c++)
			fputc(*c == '|' ? ' ' : *c, f);
		fputs("' -- \"$cur\") ;;\n", f);
	} else {
		fputs(") compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;\n", f);
	}
}

static void print_case_of_commands(FILE *f)
{
	int i;

	for (i = 0; commands[i]; i++) {
		if (!commands[i]->summary)
			continue;
		fprintf(f, "\t'%s') words='", commands[i]->name);
		print_options(f, commands[i]->groups);
		fputs("' ;;\n", f);
	}
}

static void print_case_of_groups(FILE *f)
{
	const char *blank;
	int i, j;

	for (i = 0; commands[i]; i++) {
		char first[32];

		blank = strchr(commands[i]->name, ' ');
		if (!blank || !commands[i]->summary)
			continue;
		snprintf(first, sizeof(first), "%.*s", (int)(blank - commands[i]->name),
			 commands[i]->name);
		for (j = 0; j < i; j++)
			if (!strncmp(commands[j]->name, first, strlen(first)) &&
			    commands[j]->name[strlen(first)] == ' ')
				break;
		if (j < i)
			continue;
		fprintf(f, "\t\t%s) subs='", first);
		print_words(f, first);
		fputs("' ;;\n", f);
	}
}

void completion_print_bash(FILE *f)
{
	int i;

	fputs("# Bash completion for adebackup(1), made from its tables of commands and options.\n"
	      "_adebackup()\n{\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
	      "\tlocal command=${COMP_WORDS[1]} words='' subs=''\n"
	      "\tCOMPREPLY=()\n"
	      "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n"
	      "\t\tmapfile -t COMPREPLY < <(compgen -W '", f);
	print_words(f, NULL);
	fputs(" --help --version' -- \"$cur\")\n\t\treturn\n\tfi\n"
	      "\tcase $command in\n", f);
	print_case_of_groups(f);
	fputs("\t\t*) ;;\n\tesac\n"
	      "\tif [ -n \"$subs\" ] && [ \"$COMP_CWORD\" -eq 2 ]; then\n"
	      "\t\tmapfile -t COMPREPLY < <(compgen -W \"$subs\" -- \"$cur\")\n\t\treturn\n\tfi\n"
	      "\t[ -z \"$subs\" ] || command=\"$command ${COMP_WORDS[2]}\"\n"
	      "\tcase $prev in\n", f);
	for (i = 0; i < N_OPTIONS; i++)
		if (option_defs[i].value)
			print_value(f, &option_defs[i]);
	fputs("\t*)\n\t\tcase $command in\n", f);
	print_case_of_commands(f);
	fputs("\t\tesac\n"
	      "\t\tcase $cur in\n"
	      "\t\t-*) mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\") ;;\n"
	      "\t\t*) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;\n"
	      "\t\tesac ;;\n"
	      "\tesac\n}\ncomplete -F _adebackup adebackup\n", f);
}
