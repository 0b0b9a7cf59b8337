/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/adebackup/policy_cmd.h"
#include "tools/adebackup/protect_vm.h"
#include "tools/lib/endpoints.h"
#include "tools/lib/size_text.h"
#include "tools/lib/vault_opening.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

extern const struct command cmd_protect;

struct work {
	const struct invocation *in;
	struct vault *vault;
	struct policy policy;		/* that which is named, else the first VM's */
	bool named;
	struct protecting *vm;		/* n: those that can be */
	size_t n;
	json_t *failed;
	bool warned;
};

static void work_clear(struct work *w)
{
	policy_clear(&w->policy);
	for (size_t i = 0; i < w->n; i++)
		protecting_clear(&w->vm[i]);
	free(w->vm);
	json_decref(w->failed);
	vault_free(w->vault);
}

static bool is_told(const struct work *w)
{
	return !w->in->report->json && !w->in->report->quiet;
}

static void print_one(const struct protecting *p)
{
	printf("%s%s%s%s%s\n", p->item.vm, *p->item.os ? ", " : "", p->item.os, *p->item.region ? ", " : "", p->item.region);
	for (size_t i = 0; i < p->item.n_disks; i++) {
		const struct item_disk *d = &p->item.disk[i];

		printf("  %-6s %s (%s): %s%s\n", d->name, d->source, size_text(p->size[i]).text, d->encrypted ? "encrypted, " :
		       "not encrypted", d->encryption);
	}
	for (size_t i = 0; i < json_array_size(p->notes); i++)
		printf("  note: %s\n", json_string_value(json_array_get(p->notes, i)));
}

static json_t *one_json(const struct protecting *p)
{
	json_t *disks = json_array();

	for (size_t i = 0; i < p->item.n_disks; i++)
		json_array_append_new(disks, json_pack("{s:s,s:s,s:I,s:b,s:s}", "name", p->item.disk[i].name, "source",
			p->item.disk[i].source, "size", (json_int_t)p->size[i], "encrypted", p->item.disk[i].encrypted,
			"encryption", p->item.disk[i].encryption));
	return json_pack("{s:s,s:s,s:s,s:s,s:s,s:o,s:s,s:O,s:O}", "vm", p->item.vm, "policy", p->item.policy, "region",
			 p->item.region, "subscription", p->item.subscription, "os", p->item.os, "disks", disks, "access",
			 p->access, "vaults", p->vaults, "notes", p->notes);
}

/* With --skip-failed one that cannot be protected is told and left out. */
static int skip(struct work *w, const char *vm, struct error *err)
{
	report_warning(w->in->report, err);
	json_array_append_new(w->failed, json_pack("{s:s,s:i,s:s,s:s}", "vm", vm, "code", exit_code_for(err), "text", err->text,
						   "next", err->next));
	error_clear(err);
	w->warned = true;
	return 0;
}

static int examine_all(struct work *w, struct error *err)
{
	int vms = w->in->n_operands - 1, rc = 0;
	bool skips = options_has(w->in->options, OPT_SKIP_FAILED);

	w->vm = calloc((size_t)vms, sizeof(*w->vm));
	if (!w->vm)
		return error_set(err, ENOMEM, "out of memory");
	for (int i = 0; i < vms && rc == 0; i++) {
		const char *vm = w->in->operands[i + 1];
		struct protecting *p = &w->vm[w->n];

		for (size_t k = 0; k < w->n && rc == 0; k++)
			if (!strcmp(w->vm[k].item.vm, vm))
				rc = error_set(err, EINVAL, "the VM '%s' is named twice", vm);
		rc = rc ? rc : protect_examine(p, w->in, w->vault, vm, vms > 1, w->named ? w->policy.name : NULL, err);
		if (rc == 0) {
			w->warned = w->warned || p->warned;
			w->n++;
			continue;
		}
		protecting_clear(p);
		if (skips && rc != -EINVAL)
			rc = skip(w, vm, err);
		else
			error_prefix(err, rc, "%.60s cannot be protected", vm);
	}
	return rc;
}

/* All at once, or none. */
static int put_all(struct work *w, struct error *err)
{
	AUTO(free) struct item *items = calloc(w->n + 1, sizeof(*items));

	if (!items)
		return error_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < w->n; i++)
		items[i] = w->vm[i].item;	/* borrowed from there */
	return w->n ? item_put(w->vault, items, w->n, err) : 0;
}

static int finish(struct work *w)
{
	json_t *items = json_array(), *vms = json_array();
	int said;

	for (size_t i = 0; i < w->n; i++) {
		if (is_told(w))
			print_one(&w->vm[i]);
		json_array_append_new(items, one_json(&w->vm[i]));
		json_array_append_new(vms, json_string(w->vm[i].item.vm));
	}
	if (is_told(w) && w->n) {
		printf("protected by ");
		policy_print(&w->policy);
	}
	said = report_result(w->in->report, json_pack("{s:o,s:O,s:o}", "items", items, "failed", w->failed, "policy",
						      policy_json(&w->policy, vms)));
	return said ? said : w->warned ? EXIT_WARNINGS : EXIT_DONE;
}

static int run(const struct invocation *in)
{
	__attribute__((cleanup(work_clear))) struct work w = { .in = in, .failed = json_array() };
	const char *policy = options_get(in->options, OPT_POLICY);
	struct error err = ERROR_INIT;

	w.vault = vault_from_options(in->operands[0], in->options, &err);
	if (!w.vault) {
		if (err.code == ENOENT)
			error_next(&err, "Make one: adebackup init %.200s --vault-key FILE --region R --subscription ID",
				   in->operands[0]);
		endpoints_explain(&err, in->operands[0], in->options, NULL);
		return report_error(in->report, &err);
	}
	w.named = policy != NULL;
	if ((policy && policy_get(w.vault, policy, &w.policy, &err) < 0) || examine_all(&w, &err) < 0 ||
	    (!policy && policy_get(w.vault, w.n ? w.vm[0].item.policy : POLICY_DEFAULT, &w.policy, &err) < 0) ||
	    put_all(&w, &err) < 0) {
		endpoints_explain(&err, in->operands[0], in->options, NULL);
		return report_error(in->report, &err);
	}
	return finish(&w);
}

const struct command cmd_protect = {
	.name = "protect", .operands = "VAULT VM…", .min = 2, .max = -1,
	.summary = "back VMs up by a policy from now on",
	.text = "Looks at each VM's disks and says which are encrypted and how; compares region and subscription with the "
		"vault's; reads in its description (--vm-config) whether the guest agent answers; asks the Key Vaults that "
		"--keystore names whether its keys may be read, and refuses keys of certificates; tells what Azure Backup "
		"would refuse and adebackup does not. Then all VMs are protected at once, or none; with --skip-failed "
		"those that can be. Ends with 3 when there is something to mind.\n\n"
		"After that `backup VAULT VM` knows the VM's disks, and `run` backs it up when the policy says so. Of "
		"several VMs each disk is VM/NAME=SOURCE, and each description is that of the VM whose name it bears. "
		"For a VM that is protected already it changes the policy, the disks, or the description.",
	.example = "  adebackup protect /backup web1 --policy gold --vault-key vault.key --disk os=/dev/vg/web1 \\\n"
		   "      --vm-config web1.json --keystore https://contoso.vault.azure.net/\n"
		   "  adebackup protect /backup web1 db1 --vault-key vault.key --disk web1/os=web1.vhd --disk db1/os=db1.vhd",
	.groups = G_VAULT | G_PROTECT, .run = run,
};
