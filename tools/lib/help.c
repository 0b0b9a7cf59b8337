/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/help.h"

#include <ctype.h>
#include <string.h>

#define WIDTH  80
#define COLUMN 34	/* of the words; a longer name gets a line of its own */

void help_print_wrapped(FILE *f, const char *text, int indent)
{
	int column = indent;
	size_t n;

	while (*text) {
		if (!strncmp(text, "\n\n", 2)) {
			fprintf(f, "\n\n%*s", indent, "");
			column = indent;
			text += 2;
			continue;
		}
		n = strcspn(text, " \n");
		if (column > indent && column + 1 + (int)n > WIDTH) {
			fprintf(f, "\n%*s", indent, "");
			column = indent;
		} else if (column > indent) {
			fputc(' ', f);
			column++;
		}
		fprintf(f, "%.*s", (int)n, text);
		column += (int)n;
		text += n;
		if (*text == ' ' || (*text == '\n' && text[1] != '\n'))
			text++;
	}
}

/* "-q, --quiet", "--bek FILE", "bek=FILE". */
static void option_title(enum option_id id, enum help_style style, char *out, size_t size)
{
	const struct option_def *def = &option_defs[id];
	char letter[8] = "", name[48], *c;

	snprintf(name, sizeof(name), "%s", def->name);
	if (style == HELP_LIST) {
		snprintf(out, size, "%s%s%s", name, def->value ? "=" : "",
			 def->value ? def->value : "");
		return;
	}
	for (c = name; *c; c++)
		*c = *c == '_' ? '-' : *c;
	if (option_letter(id))
		snprintf(letter, sizeof(letter), "-%c, ", option_letter(id));
	snprintf(out, size, "%s--%s%s%s", letter, name, def->value ? " " : "",
		 def->value ? def->value : "");
}

/* Some options make no sense in a list after -o. */
static bool is_shown(enum option_id id, uint64_t groups, enum help_style style)
{
	if (!(option_defs[id].groups & groups))
		return false;
	return style == HELP_LONG || (id != OPT_HELP && id != OPT_JSON);
}

static void print_option(FILE *f, enum option_id id, enum help_style style)
{
	char title[96];

	option_title(id, style, title, sizeof(title));
	if (strlen(title) + 4 > COLUMN)
		fprintf(f, "  %s\n%*s", title, COLUMN, "");
	else
		fprintf(f, "  %-*s", COLUMN - 2, title);
	help_print_wrapped(f, option_defs[id].help, COLUMN);
	fputc('\n', f);
}

void help_print_options(FILE *f, uint64_t groups, enum help_style style)
{
	bool titled;
	size_t g;
	int i;

	for (g = 0; g < n_option_group_defs; g++) {
		titled = false;
		for (i = 0; i < N_OPTIONS; i++) {
			if (option_home((enum option_id)i) != g ||
			    !is_shown((enum option_id)i, groups, style))
				continue;
			if (!titled)
				fprintf(f, "\n%s:\n", option_group_defs[g].title);
			titled = true;
			print_option(f, (enum option_id)i, style);
		}
	}
}

/* One word, its dots and backslashes escaped where they would mean something. */
static void put_word(FILE *f, const char *word, size_t n, bool starts_line)
{
	size_t i;

	if (starts_line && (*word == '.' || *word == '\''))
		fputs("\\&", f);
	for (i = 0; i < n; i++)
		fputs(word[i] == '\\' ? "\\e" : (char[]){ word[i], '\0' }, f);
}

void help_print_roff(FILE *f, const char *text)
{
	size_t column = 0, n;

	for (; *text; text += n) {
		if (!strncmp(text, "\n\n", 2)) {
			fputs("\n.Pp\n", f);
			column = 0;
			text += 2;
		}
		text += strspn(text, " \n");
		n = strcspn(text, " \n");
		put_word(f, text, n, !column);
		column += n + 1;
		if (!text[n] || !strncmp(text + n, "\n\n", 2))
			continue;
		/* A sentence ends its line. */
		if (n && (text[n - 1] == '.' || column + strcspn(text + n + 1, " \n") > 76)) {
			fputc('\n', f);
			column = 0;
		} else {
			fputc(' ', f);
		}
	}
}

static void put_sentence(FILE *f, const char *help)
{
	AUTO(free) char *copy = strdup(help);

	if (!copy)
		return;
	*copy = (char)toupper((unsigned char)*copy);
	help_print_roff(f, copy);
	fputs(".\n", f);
}

/* .Fl and .Cm take their argument's dashes as they are. */
static void mdoc_title(FILE *f, enum option_id id, enum help_style style)
{
	const struct option_def *def = &option_defs[id];
	char name[48], *c;

	snprintf(name, sizeof(name), "%s", def->name);
	if (style == HELP_LIST) {
		fprintf(f, ".It Cm %s", name);
		if (def->value)
			fprintf(f, " Ns = Ns Ar \"%s\"", def->value);
		fputc('\n', f);
		return;
	}
	for (c = name; *c; c++)
		*c = *c == '_' ? '-' : *c;
	fputs(".It ", f);
	if (option_letter(id))
		fprintf(f, "Fl %c , ", option_letter(id));
	fprintf(f, "Fl \\-%s", name);
	if (def->value)
		fprintf(f, " Ar \"%s\"", def->value);
	fputc('\n', f);
}

static bool group_is_shown(size_t g, uint64_t groups, enum help_style style)
{
	int i;

	for (i = 0; i < N_OPTIONS; i++)
		if (option_home((enum option_id)i) == g &&
		    is_shown((enum option_id)i, groups, style))
			return true;
	return false;
}

void help_print_mdoc(FILE *f, uint64_t groups, enum help_style style)
{
	size_t g;
	int i;

	for (g = 0; g < n_option_group_defs; g++) {
		if (!group_is_shown(g, groups, style))
			continue;
		fprintf(f, ".Ss Options of %s\n.Bl -tag -width Ds\n", option_group_defs[g].title);
		for (i = 0; i < N_OPTIONS; i++) {
			if (option_home((enum option_id)i) != g ||
			    !is_shown((enum option_id)i, groups, style))
				continue;
			mdoc_title(f, (enum option_id)i, style);
			put_sentence(f, option_defs[i].help);
		}
		fputs(".El\n", f);
	}
}

void help_print_mdoc_groups(FILE *f, uint64_t groups)
{
	const char *before = ".Pp\nTakes the options of ";
	bool any = false;
	size_t g;

	for (g = 0; g < n_option_group_defs; g++) {
		if (option_group_defs[g].group == G_ALL || !(option_group_defs[g].group & groups))
			continue;
		fprintf(f, "%s%s", before, option_group_defs[g].title);
		before = ",\n";
		any = true;
	}
	if (any)
		fputs(".\n", f);
}
