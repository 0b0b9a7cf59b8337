/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/adebackup/command.h"
#include "tools/lib/vault_opening.h"
#include "tools/lib/vault_report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* An address may carry a SAS behind '?'. */
static void without_query(const char *address, char *out, size_t size)
{
	snprintf(out, size, "%s", address);
	out[strcspn(out, "?")] = '\0';
}

static void print_alerts(const struct vault_report *r)
{
	for (size_t i = 0; i < r->n_alerts; i++)
		printf("%-5s  %s%s%s\n", report_level_name(r->alert[i].level), r->alert[i].vm, r->alert[i].vm[0] ? ": " : "",
		       r->alert[i].text);
}

static int run(const struct invocation *in)
{
	__attribute__((cleanup(vault_report_clear_cleanup))) struct vault_report r = { .n_jobs = 0 };
	const char *path = options_get(in->options, OPT_HTML);
	struct error err = ERROR_INIT;
	AUTO(vault_free) struct vault *v = vault_from_options_kept(in->operands[0], in->options, &err);
	char address[1024];
	int said;

	without_query(in->operands[0], address, sizeof(address));
	if (!v || vault_report_take(v, &r, &err) < 0 ||
	    (path && vault_report_write(&r, v, address, path, &err) < 0))
		return report_error(in->report, &err);
	if (!in->report->json && !in->report->quiet)
		print_alerts(&r);
	said = report_result(in->report, vault_report_json(&r));
	return said ? said : r.n_alerts && r.alert[0].level == REPORT_RED ? EXIT_WARNINGS : EXIT_DONE;
}

const struct command cmd_report = {
	.name = "report",
	.operands = "VAULT",
	.min = 1,
	.max = 1,
	.summary = "how a vault is doing, and what somebody has to look at",
	.text = "Tells what is late, failed or not proven, the worst first. --html writes a page for a browser: these "
		"alerts, each VM with its last point and its last 14 days, how much is stored over time, the policies "
		"and the last jobs. The page needs nothing else and loads nothing.\n\n"
		"Ends with 3 where somebody has to act: a backup failed or is late, a point is damaged.",
	.example = "  adebackup report /backup --vault-key vault.key --html /var/www/backup.html",
	.groups = G_VAULT | G_REPORT | G_LISTS,
	.vault = true,
	.run = run,
};
