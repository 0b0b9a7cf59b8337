/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/base64.h"
#include "tools/lib/drill.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *const results[] = { "clean", "damaged", "not checked" };
static const char *const colours[] = { "green", "red", "amber" };

/* Colours of both modes; a table becomes a list of cards where it is narrow. */
static const char style[] =
	":root{color-scheme:light dark;--page:#f6f7f8;--card:#fff;--text:#1a1d21;--soft:#5b636c;--line:#d9dde1;"
	"--red:#b3261e;--amber:#8a5a00;--green:#1b6e3c}\n"
	"@media (prefers-color-scheme:dark){:root{--page:#14171a;--card:#1e2226;--text:#e6e9ec;--soft:#9aa4ae;"
	"--line:#363c43;--red:#ff8f86;--amber:#f0bd5c;--green:#74d19a}}\n"
	"*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--text);"
	"font:15px/1.45 system-ui,'Segoe UI','DejaVu Sans',sans-serif}\n"
	"main{max-width:64rem;margin:0 auto;padding:1.5rem 1rem 3rem}h1{font-size:1.6rem;margin:0}"
	"h2{font-size:1.15rem;margin:2rem 0 .6rem}p{margin:.4rem 0;overflow-wrap:anywhere}\n"
	".red{color:var(--red)}.amber{color:var(--amber)}.green{color:var(--green)}td.red,td.amber,td.green{font-weight:600}\n"
	"table{border-collapse:collapse;background:var(--card);border:1px solid var(--line);margin-top:1rem}"
	"th,td{text-align:left;vertical-align:top;padding:.35rem .7rem;border-top:1px solid var(--line);overflow-wrap:anywhere}"
	"th{color:var(--soft);font-weight:600;white-space:nowrap}\n"
	"pre{background:var(--card);border:1px solid var(--line);padding:.8rem;margin:0;overflow:auto;max-height:40rem;"
	"font:13px/1.4 'DejaVu Sans Mono',monospace}"
	"img{display:block;max-width:100%;height:auto;border:1px solid var(--line)}\n"
	"@media (max-width:40rem){table,tbody,tr,th,td{display:block;width:100%}tr{border-top:1px solid var(--line);"
	"padding:.4rem 0}tr:first-child{border-top:0}th,td{border:0;padding:.1rem .7rem;white-space:normal}"
	"tr.head{display:none}tr.about{display:grid;grid-template-columns:9rem 1fr}td[data-l]{display:grid;grid-template-columns:7rem 1fr;gap:.5rem}"
	"td[data-l]::before{content:attr(data-l);color:var(--soft);font-weight:400}}\n";

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
			if (((unsigned char)*text >= 32 && *text != 127) || *text == '\n')
				putc(*text, f);
		}
}

/* What a terminal is told about colours and places is left out; a place begins a line. */
static void put_console(FILE *f, char *text)
{
	char *from = text, *to = text;

	while (*from) {
		if (*from != '\033') {
			*to++ = *from++;
			continue;
		}
		if (*++from != '[') {
			from += *from != '\0';
			continue;
		}
		from++;
		from += strspn(from, "0123456789;?<=> ");
		if (*from == 'H' && to > text && to[-1] != '\n')
			*to++ = '\n';
		from += *from != '\0';
	}
	*to = '\0';
	put(f, text);
}

static void put_row(FILE *f, const char *name, const char *value)
{
	if (!*value)
		return;
	fputs("<tr class=\"about\"><th>", f);
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
	static const char *const heads[] = { "disk", "volume", "holds", "result", "its program says" };

	if (!d->n_checks)
		return;
	fputs("<h2>File systems</h2>\n<table><tr class=\"head\">", f);
	for (size_t k = 0; k < sizeof(heads) / sizeof(heads[0]); k++)
		fprintf(f, "<th>%s</th>", heads[k]);
	fputs("</tr>\n", f);
	for (size_t i = 0; i < d->n_checks; i++) {
		const struct drill_check *c = &d->check[i];
		const char *const cells[] = { c->disk, c->volume, c->holds, results[c->result], c->words };

		fputs("<tr>", f);
		for (size_t k = 0; k < sizeof(cells) / sizeof(cells[0]); k++) {
			fprintf(f, "<td data-l=\"%s\"%s%s%s>", heads[k], k == 3 ? " class=\"" : "",
				k == 3 ? colours[c->result] : "", k == 3 ? "\"" : "");
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

static void put_verdict(FILE *f, const struct drill *d)
{
	size_t unchecked = drill_unchecked(d);

	fprintf(f, "<h1 class=\"%s\">Restore drill: %s</h1>\n<p>", d->passed ? "green" : "red",
		d->passed ? "passed" : "FAILED");
	put(f, d->reason);
	fputs("</p>\n", f);
	if (d->passed && unchecked)
		fprintf(f, "<p class=\"amber\">%zu file system%s could not be checked.</p>\n", unchecked,
			unchecked == 1 ? "" : "s");
}

static void put_serial(FILE *f, const struct drill *d)
{
	AUTO(free) char *text = d->serial_tail && *d->serial_tail ? strdup(d->serial_tail) : NULL;

	if (!text)
		return;
	fputs("<h2>Serial line, its end</h2>\n<pre tabindex=\"0\">", f);
	put_console(f, text);
	fputs("</pre>\n", f);
}

static void put_page(FILE *f, const struct drill *d, const json_t *about)
{
	time_t now = time(NULL);
	struct tm tm;
	char when[40];

	gmtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
	      "content=\"width=device-width,initial-scale=1\"><title>Restore drill</title>\n<style>", f);
	fputs(style, f);
	fputs("</style></head><body><main>\n", f);
	put_verdict(f, d);
	fputs("<table>\n", f);
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
	put_serial(f, d);
	fputs("</main></body></html>\n", f);
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
