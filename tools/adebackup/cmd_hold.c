/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/hold.h"
#include "tools/adebackup/command.h"
#include "tools/lib/point_opening.h"
#include "tools/lib/vault_opening.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* VM@POINT, both named: nobody means "the newest one there is by now" for ever. */
static int find(struct vault *v, const char *text, char vm[128], struct point_name *name, struct error *err)
{
	const char *which = point_operand_split(text, vm, 128);

	if (which && strrchr(text, '@'))
		return point_find(v, vm, which, name, err);
	error_set(err, EINVAL, "'%.80s' names no point", text);
	error_next(err, "Write VM@POINT; `adebackup list` shows what there is.");
	return -EINVAL;
}

static int set(const struct invocation *in, bool held)
{
	struct error err = ERROR_INIT;
	AUTO(vault_free) struct vault *v = vault_from_options(in->operands[0], in->options, &err);
	struct point_name name;
	char vm[128];
	bool changed = false;
	int rc = v ? find(v, in->operands[1], vm, &name, &err) : -err.code;

	if (rc == 0)
		rc = hold_set(v, name.vm_id, name.id, held, options_get(in->options, OPT_REASON), &changed, &err);
	if (rc < 0)
		return report_error(in->report, &err);
	if (!in->report->json && !in->report->quiet)
		printf("%s@%s %s %s\n", vm, name.id, changed ? "is" : "was", held ? "held" : "not held any more");
	return report_result(in->report, json_pack("{s:s,s:s,s:b,s:b}", "vm", vm, "point", name.id, "held", held,
						   "changed", changed));
}

static int run_hold(const struct invocation *in)
{
	return set(in, true);
}

static int run_release(const struct invocation *in)
{
	return set(in, false);
}

const struct command cmd_hold = {
	.name = "hold",
	.operands = "VAULT VM@POINT",
	.min = 2,
	.max = 2,
	.summary = "keep a recovery point whatever policies say",
	.text = "From now on no prune lets POINT expire, until it is released. --reason says why.",
	.example = "  adebackup hold /backup web1@latest --vault-key vault.key --reason \"case 4711\"",
	.groups = G_VAULT | G_HOLD,
	.vault = true,
	.run = run_hold,
};

const struct command cmd_release = {
	.name = "release",
	.operands = "VAULT VM@POINT",
	.min = 2,
	.max = 2,
	.summary = "let policies decide again on a recovery point that was held",
	.text = "Ends a hold. The next prune decides by the rules, which may be that the point goes.",
	.example = "  adebackup release /backup web1@20261120T020000Z --vault-key vault.key",
	.groups = G_VAULT | G_HOLD,
	.vault = true,
	.run = run_release,
};
