/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/base64.h"
#include "tools/lib/drill.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *const results[] = { "clean", "damaged", "not checked" };

static json_t *checks_json(const struct drill *d)
{
	json_t *list = json_array();

	for (size_t i = 0; i < d->n_checks; i++) {
		const struct drill_check *c = &d->check[i];

		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "disk", c->disk, "volume",
						      c->volume, "holds", c->holds, "result", results[c->result],
						      "words", c->words, "ms", (json_int_t)c->ms));
	}
	return list;
}

json_t *drill_json(const struct drill *d)
{
	return json_pack("{s:b, s:s, s:s, s:s, s:I, s:I, s:I, s:o}", "passed", d->passed, "reason", d->reason, "line",
			 d->line, "stage", d->stage, "loader_ms", (json_int_t)d->loader_ms, "kernel_ms",
			 (json_int_t)d->kernel_ms, "reached_ms", (json_int_t)d->reached_ms, "checks", checks_json(d));
}

/* Everything that came from a guest is text, whatever it looks like. */
static void put(FILE *f, const char *text)
{
	for (; *text; text++)
		switch (*text) {
		case '<': fputs("&lt;", f); break;
		case '>': fputs("&gt;", f); break;
		case '&': fputs("&amp;", f); break;
		case '"': fputs("&quot;", f); break;
		default:
			if ((unsigned char)*text >= 32 || *text == '\n')
				putc(*text, f);
		}
}

static void put_row(FILE *f, const char *name, const char *value)
{
	fputs("<tr><th>", f);
	put(f, name);
	fputs("</th><td>", f);
	put(f, value);
	fputs("</td></tr>\n", f);
}

static void put_time(FILE *f, const char *name, uint64_t ms)
{
	char text[40] = "not seen";

	if (ms)
		snprintf(text, sizeof(text), "%llu.%llu s", (unsigned long long)(ms / 1000),
			 (unsigned long long)(ms % 1000 / 100));
	put_row(f, name, text);
}

static void put_checks(FILE *f, const struct drill *d)
{
	fputs("<h2>File systems</h2>\n<table><tr><th>disk</th><th>volume</th><th>holds</th><th>result</th>"
	      "<th>its program says</th></tr>\n", f);
	for (size_t i = 0; i < d->n_checks; i++) {
		const struct drill_check *c = &d->check[i];
		const char *const cells[] = { c->disk, c->volume, c->holds, results[c->result], c->words };

		fputs("<tr>", f);
		for (size_t k = 0; k < sizeof(cells) / sizeof(cells[0]); k++) {
			fputs("<td>", f);
			put(f, cells[k]);
			fputs("</td>", f);
		}
		fputs("</tr>\n", f);
	}
	fputs("</table>\n", f);
}

static void put_screen(FILE *f, const struct drill *d)
{
	AUTO(free) char *text = d->screen ? malloc(d->screen_len * 4 / 3 + 8) : NULL;

	if (!text)
		return;
	base64_encode(d->screen, d->screen_len, BASE64_STD, text);
	fprintf(f, "<h2>Screen</h2>\n<img alt=\"the VM's screen\" src=\"data:image/png;base64,%s\">\n", text);
}

static void put_about(FILE *f, const json_t *about)
{
	const char *name;
	const json_t *v;
	char number[32];

	json_object_foreach((json_t *)about, name, v) {
		if (json_is_string(v))
			put_row(f, name, json_string_value(v));
		if (json_is_integer(v)) {
			snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(v));
			put_row(f, name, number);
		}
	}
}

static void put_page(FILE *f, const struct drill *d, const json_t *about)
{
	time_t now = time(NULL);
	struct tm tm;
	char when[40];

	gmtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Restore drill</title>\n<style>"
	      "body{font-family:sans-serif;margin:2em;max-width:60em}table{border-collapse:collapse}"
	      "th,td{border:1px solid #999;padding:.2em .6em;text-align:left}pre{background:#eee;padding:1em;"
	      "overflow-x:auto}img{max-width:100%;border:1px solid #999}.ok{color:#060}.bad{color:#a00}"
	      "</style></head><body>\n", f);
	fprintf(f, "<h1 class=\"%s\">Restore drill: %s</h1>\n<p>", d->passed ? "ok" : "bad", d->passed ? "passed" : "FAILED");
	put(f, d->reason);
	fputs("</p>\n<table>\n", f);
	put_row(f, "time", when);
	put_about(f, about);
	put_row(f, "came as far as", d->stage);
	put_time(f, "loader after", d->loader_ms);
	put_time(f, "kernel after", d->kernel_ms);
	put_time(f, "up after", d->reached_ms);
	if (d->line[0])
		put_row(f, "it said", d->line);
	fputs("</table>\n", f);
	put_checks(f, d);
	put_screen(f, d);
	fputs("<h2>Serial line, its end</h2>\n<pre>", f);
	put(f, d->serial_tail ? d->serial_tail : "");
	fputs("</pre>\n</body></html>\n", f);
}

int drill_write_html(const struct drill *d, const json_t *about, const char *path, struct error *err)
{
	FILE *f = fopen(path, "we");
	bool bad;
	int rc;

	if (f) {
		put_page(f, d, about);
		bad = ferror(f) != 0;
		if (!fclose(f) && !bad)
			return 0;
	}
	rc = error_set(err, errno ? errno : EIO, "the report %s: %s", path, strerror(errno));
	error_object(err, "%s", path);
	return rc;
}
