/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/vault.h"
#include "tools/lib/size_text.h"
#include "tools/lib/vault_report_private.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define PATH_BYTES 4096

/* Colours of both modes; a table becomes a list of cards where it is narrow. */
static const char style[] =
	":root{color-scheme:light dark;--page:#f6f7f8;--card:#fff;--text:#1a1d21;--soft:#5b636c;--line:#d9dde1;"
	"--red:#b3261e;--amber:#8a5a00;--green:#1b6e3c;--info:#1f5c99;--plot:#2f6fb0;--fill:#2f6fb033}\n"
	"@media (prefers-color-scheme:dark){:root{--page:#14171a;--card:#1e2226;--text:#e6e9ec;--soft:#9aa4ae;--line:#363c43;"
	"--red:#ff8f86;--amber:#f0bd5c;--green:#74d19a;--info:#8fc1f2;--plot:#7db4ec;--fill:#7db4ec33}}\n"
	"*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--text);"
	"font:15px/1.45 system-ui,'Segoe UI','DejaVu Sans',sans-serif}\n"
	"main{max-width:80rem;margin:0 auto;padding:1.5rem 1rem 3rem}h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;"
	"margin:2rem 0 .6rem}p{margin:.3rem 0}.soft{color:var(--soft)}\n"
	".alerts{list-style:none;margin:1.2rem 0;padding:0}.alerts li{background:var(--card);border:1px solid var(--line);"
	"border-left:.4rem solid var(--c);border-radius:.3rem;padding:.5rem .8rem;margin:.4rem 0;overflow-wrap:anywhere}"
	".alerts b{color:var(--c)}.red{--c:var(--red)}.amber{--c:var(--amber)}.info{--c:var(--info)}.green{--c:var(--green)}\n"
	".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.7rem;margin:1.2rem 0}"
	".tiles div{background:var(--card);border:1px solid var(--line);border-radius:.3rem;padding:.6rem .8rem}"
	".tiles b{display:block;font-size:1.45rem;font-variant-numeric:tabular-nums}\n"
	".box{background:var(--card);border:1px solid var(--line);border-radius:.3rem;overflow-x:auto}"
	"table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.4rem .7rem;border-top:1px solid var(--line);"
	"vertical-align:top}thead th{border-top:0;color:var(--soft);font-weight:600;white-space:nowrap}"
	"td{overflow-wrap:break-word;max-width:30rem}.name{font-weight:600}.n,.state{white-space:nowrap;font-variant-numeric:tabular-nums}.state{color:var(--c);font-weight:600}\n"
	".days{white-space:nowrap;font-family:'DejaVu Sans Mono',monospace;letter-spacing:.1em}.days i{font-style:normal;color:var(--c)}\n"
	"svg{display:block;width:100%;height:auto;padding:.6rem}svg text{fill:var(--soft);font-size:12px}"
	".grid{stroke:var(--line)}.area{fill:var(--fill)}.curve{fill:none;stroke:var(--plot);stroke-width:2}\n"
	"@media (max-width:46rem){svg text{font-size:26px}svg .wide{display:none}table,tbody,tr,td{display:block}thead{display:none}"
	"tr{border-top:1px solid var(--line);padding:.5rem 0}tr:first-child{border-top:0}td{border:0;padding:.12rem .8rem;"
	"display:grid;grid-template-columns:7.5rem 1fr;gap:.5rem}td::before{content:attr(data-l);color:var(--soft);font-weight:400;font-family:system-ui,'DejaVu Sans',sans-serif;letter-spacing:0}td{overflow-wrap:anywhere}.n{white-space:normal}}\n";

void report_put(FILE *f, const char *text)
{
	for (; *text; text++)
		switch (*text) {
		case '<': fputs("&lt;", f); break;
		case '>': fputs("&gt;", f); break;
		case '&': fputs("&amp;", f); break;
		case '"': fputs("&quot;", f); break;
		default:
			if ((unsigned char)*text >= 32 && *text != 127)
				putc(*text, f);
		}
}

void report_time(FILE *f, int64_t seconds)
{
	time_t t = (time_t)seconds;
	char text[32] = "–";
	struct tm tm;

	if (seconds > 0 && gmtime_r(&t, &tm))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm);
	fputs(text, f);
}

void report_date(int64_t day, char out[16])
{
	time_t t = (time_t)(day * 86400);
	struct tm tm;

	out[0] = '\0';
	if (gmtime_r(&t, &tm))
		strftime(out, 16, "%Y-%m-%d", &tm);
}

static void put_alerts(FILE *f, const struct vault_report *r)
{
	static const char *const words[] = { "Act", "Look", "Note" };

	fputs("<ul class=\"alerts\">\n", f);
	if (!r->n_alerts || r->alert[0].level == REPORT_INFO)
		fputs("<li class=\"green\"><b>All is well.</b> Nothing failed, nothing is late.</li>\n", f);
	for (size_t i = 0; i < r->n_alerts; i++) {
		const struct report_alert *a = &r->alert[i];

		fprintf(f, "<li class=\"%s\"><b>%s:</b> ", report_level_name(a->level), words[a->level]);
		if (a->vm[0]) {
			fputs("<strong>", f);
			report_put(f, a->vm);
			fputs("</strong> ", f);
		}
		report_put(f, a->text);
		fputs("</li>\n", f);
	}
	fputs("</ul>\n", f);
}

static void put_tile(FILE *f, const char *value, const char *what)
{
	fputs("<div><b>", f);
	report_put(f, value);
	fprintf(f, "</b><span class=\"soft\">%s</span></div>\n", what);
}

static void put_tiles(FILE *f, const struct vault_report *r)
{
	size_t protected = 0, proven = 0, running = 0;
	char text[32];

	for (size_t i = 0; i < r->n_vms; i++) {
		protected += r->vm[i].item && r->vm[i].item->item.state == ITEM_PROTECTED;
		proven += r->vm[i].points && r->vm[i].proven;
	}
	for (size_t i = 0; i < r->n_jobs; i++)
		running += !job_has_ended(&r->job[i]);
	fputs("<section class=\"tiles\">\n", f);
	snprintf(text, sizeof(text), "%zu", protected);
	put_tile(f, text, "VMs protected");
	snprintf(text, sizeof(text), "%zu of %zu", proven, r->n_vms);
	put_tile(f, text, "newest points proven to open");
	snprintf(text, sizeof(text), "%zu", r->points);
	put_tile(f, text, "recovery points");
	put_tile(f, size_text(r->bytes).text, "stored");
	snprintf(text, sizeof(text), "%zu", running);
	put_tile(f, text, "jobs in progress");
	fputs("</section>\n", f);
}

static void put_head(FILE *f, const struct vault_report *r, const struct vault_info *info, const char *address)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
	      "<title>Vault ", f);
	report_put(f, info->name[0] ? info->name : address);
	fprintf(f, "</title>\n<style>%s</style></head><body><main>\n<h1>Vault ", style);
	report_put(f, info->name[0] ? info->name : address);
	fputs("</h1>\n<p class=\"soft\">", f);
	report_put(f, address);
	if (info->region[0]) {
		fputs(" · ", f);
		report_put(f, info->region);
	}
	fputs(" · as of ", f);
	report_time(f, r->due.now);
	fputs(" UTC, by the store's clock</p>\n", f);
}

static void put_page(FILE *f, const struct vault_report *r, const struct vault_info *info, const char *address)
{
	put_head(f, r, info, address);
	put_alerts(f, r);
	put_tiles(f, r);
	report_tables(f, r);
	fputs("</main></body></html>\n", f);
}

int vault_report_write(const struct vault_report *r, const struct vault *v, const char *address, const char *path,
		       struct error *err)
{
	char part[PATH_BYTES];
	FILE *f;
	bool bad;

	if (snprintf(part, sizeof(part), "%s.part", path) >= (int)sizeof(part))
		return error_set(err, EINVAL, "the path is too long");
	f = fopen(part, "we");
	if (f) {
		put_page(f, r, vault_info(v), address);
		bad = ferror(f) != 0;
		if (!fclose(f) && !bad && !rename(part, path))
			return 0;
	}
	error_set(err, errno ? errno : EIO, "the report cannot be written: %s", strerror(errno));
	error_object(err, "%s", path);
	unlink(part);
	return -err->code;
}

json_t *vault_report_json(const struct vault_report *r)
{
	json_t *alerts = json_array();

	for (size_t i = 0; i < r->n_alerts; i++)
		json_array_append_new(alerts, json_pack("{s:s,s:s,s:s}", "level", report_level_name(r->alert[i].level), "vm",
							r->alert[i].vm, "text", r->alert[i].text));
	return json_pack("{s:o,s:I,s:I,s:I,s:I}", "alerts", alerts, "vms", (json_int_t)r->n_vms, "points", (json_int_t)r->points,
			 "jobs", (json_int_t)r->all_jobs, "stored_bytes", (json_int_t)r->bytes);
}
