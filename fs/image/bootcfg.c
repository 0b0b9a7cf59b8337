/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/bootcfg.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const commands[] = { "initrd", "initrd16", "initrdefi" };
static const char *const kernel_commands[] = { "linux", "linux16", "linuxefi" };
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

struct line {
	const char *text, *end;		/* without the line's end */
	const char *word;		/* the first file; NULL: loads no initramfs */
	size_t folder;			/* bytes of it up to and with the last '/' */
	bool has_ours;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static const char *skip_blanks(const char *p, const char *end)
{
	while (p < end && is_blank(*p))
		p++;
	return p;
}

static const char *skip_word(const char *p, const char *end)
{
	while (p < end && !is_blank(*p))
		p++;
	return p;
}

/* Behind the command's name and blanks, or NULL. */
static const char *behind_command(const char *p, const char *end, const char *const among[N_COMMANDS])
{
	const char *word = skip_blanks(p, end);
	size_t len = (size_t)(skip_word(word, end) - word);

	for (size_t i = 0; i < N_COMMANDS; i++)
		if (strlen(among[i]) == len && !memcmp(word, among[i], len))
			return skip_blanks(word + len, end);
	return NULL;
}

/* The folder's length of a file that we can put ours beside. */
static size_t folder_of(const char *word, const char *end)
{
	size_t n = 0;

	for (const char *p = word; p < end; p++)
		if (*p == '/')
			n = (size_t)(p - word) + 1;
	return n;
}

static struct line read_line(const char *p, const char *end, const char *name)
{
	struct line l = { .text = p, .end = memchr(p, '\n', (size_t)(end - p)) };
	const char *w, *stop;

	if (!l.end)
		l.end = end;
	w = behind_command(p, l.end, commands);
	if (!w || w == l.end)
		return l;
	stop = skip_word(w, l.end);
	l.folder = folder_of(w, stop);
	if (!l.folder || memchr(w, '\0', l.folder))
		return l;
	l.word = w;
	l.has_ours = (size_t)(stop - w) == l.folder + strlen(name) &&
		     !memcmp(w + l.folder, name, strlen(name));
	return l;
}

/* "($root)/boot/" is the folder "/boot"; what cannot be one is left out. */
static void note_folder(struct bootcfg_edit *e, const struct line *l)
{
	const char *p = memchr(l->word, '/', l->folder), *last = l->word + l->folder - 1;

	if (e->entries > 1 || (size_t)(last - p) >= sizeof(e->dir))
		return;
	memcpy(e->dir, p, (size_t)(last - p));
	e->dir[last - p] = '\0';
}

static void write_line(FILE *f, enum bootcfg_kind kind, const struct line *l, const char *name)
{
	const char *from = l->text;

	if (l->word && !l->has_ours && kind == BOOTCFG_BLS) {
		fprintf(f, "initrd %.*s%s\n", (int)l->folder, l->word, name);
	} else if (l->word && !l->has_ours) {
		fwrite(from, 1, (size_t)(l->word - from), f);
		fprintf(f, "%.*s%s ", (int)l->folder, l->word, name);
		from = l->word;
	}
	fwrite(from, 1, (size_t)(l->end - from), f);
}

/* BLS: ours stands on a line of its own in front; GRUB: it is the first word. */
static bool is_told(enum bootcfg_kind kind, const struct line *before, const struct line *l)
{
	return l->has_ours || (kind == BOOTCFG_BLS && before->has_ours);
}

static void edit(FILE *f, enum bootcfg_kind kind, const char *text, size_t len, const char *name,
		 struct bootcfg_edit *out)
{
	struct line before = { 0 };

	for (const char *p = text, *end = text + len; p < end;) {
		struct line l = read_line(p, end, name);

		p = l.end;
		if (l.word && !(kind == BOOTCFG_BLS && l.has_ours)) {
			out->entries++;
			note_folder(out, &l);
			l.has_ours = is_told(kind, &before, &l);
			out->changed += !l.has_ours;
		}
		write_line(f, kind, &l, name);
		l.has_ours |= l.word != NULL;
		if (p < end)
			putc(*p++, f);
		before = l;
	}
}

int bootcfg_add_initrd(enum bootcfg_kind kind, const char *text, size_t len, const char *name,
		       struct bootcfg_edit *out)
{
	FILE *f;
	bool bad;

	*out = (struct bootcfg_edit){ 0 };
	if (len > BOOTCFG_MAX)
		return -EINVAL;
	f = open_memstream(&out->text, &out->len);
	if (!f)
		return -ENOMEM;
	edit(f, kind, text, len, name, out);
	bad = ferror(f) != 0;
	if (!fclose(f) && !bad)
		return 0;
	free(out->text);
	out->text = NULL;
	return -ENOMEM;
}

/* "($root)/boot/x" is the path "/boot/x"; a variable is none. */
static bool note_path(const char *word, const char *stop, char out[160])
{
	const char *slash = memchr(word, '/', (size_t)(stop - word));
	size_t len = slash ? (size_t)(stop - slash) : 0;

	if (!len || len >= 160 || memchr(slash, '\0', len))
		return false;
	memcpy(out, slash, len);
	out[len] = '\0';
	return true;
}

static bool note_last(const char *p, const char *end, char out[160])
{
	bool any = false;

	while (p < end) {
		const char *stop = skip_word(p, end);

		any |= note_path(p, stop, out);
		p = skip_blanks(stop, end);
	}
	return any;
}

bool bootcfg_entry(enum bootcfg_kind kind, const char *text, size_t len, struct bootcfg_entry *out)
{
	bool found = false;

	*out = (struct bootcfg_entry){ 0 };
	for (const char *p = text, *end = text + len; p < end && !(found && kind == BOOTCFG_GRUB);) {
		const char *stop = memchr(p, '\n', (size_t)(end - p)), *w;

		stop = stop ? stop : end;
		w = behind_command(p, stop, kernel_commands);
		if (w)
			note_path(w, skip_word(w, stop), out->kernel);
		w = behind_command(p, stop, commands);
		if (w)
			found |= note_last(w, stop, out->initrd);
		p = stop < end ? stop + 1 : end;
	}
	return found;
}
