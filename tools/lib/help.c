/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/help.h"

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
static bool is_shown(enum option_id id, unsigned groups, enum help_style style)
{
	if (!(option_defs[id].groups & groups))
		return false;
	return style == HELP_LONG || (id != OPT_HELP && id != OPT_JSON);
}

void help_print_options(FILE *f, unsigned groups, enum help_style style)
{
	char title[96];
	int i;

	for (i = 0; i < N_OPTIONS; i++) {
		if (!is_shown((enum option_id)i, groups, style))
			continue;
		option_title((enum option_id)i, style, title, sizeof(title));
		if (strlen(title) + 4 > COLUMN)
			fprintf(f, "  %s\n%*s", title, COLUMN, "");
		else
			fprintf(f, "  %-*s", COLUMN - 2, title);
		help_print_wrapped(f, option_defs[i].help, COLUMN);
		fputc('\n', f);
	}
}

void help_print_roff(FILE *f, const char *text)
{
	bool start = true, ends = false;

	for (; *text; text++) {
		if (!strncmp(text, "\n\n", 2)) {
			fputs("\n.Pp\n", f);
			start = true;
			text++;
			continue;
		}
		if (start && (*text == '.' || *text == '\''))
			fputs("\\&", f);
		if (*text == '\\')
			fputs("\\e", f);
		else
			fputc(ends && *text == ' ' ? '\n' : *text, f);	/* a sentence a line */
		start = *text == '\n' || (ends && *text == ' ');
		ends = *text == '.';
	}
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

void help_print_mdoc(FILE *f, unsigned groups, enum help_style style)
{
	int i;

	fputs(".Bl -tag -width Ds\n", f);
	for (i = 0; i < N_OPTIONS; i++) {
		if (!is_shown((enum option_id)i, groups, style))
			continue;
		mdoc_title(f, (enum option_id)i, style);
		help_print_roff(f, option_defs[i].help);
		fputs(".\n", f);
	}
	fputs(".El\n", f);
}
