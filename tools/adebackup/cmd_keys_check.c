/* SPDX-License-Identifier: Apache-2.0 */
/* keys check: may we use the keys of a VM? Answered as the Azure portal does when a VM is protected. */
#include "tools/adebackup/access_check.h"
#include "tools/adebackup/keys_cmd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

extern const struct command cmd_keys_check;

/* What the newest point says of its VM, and where its keys came from. */
static int check_point(struct checking *c, struct error *err)
{
	AUTO(keys_point_clear) struct keys_point p;
	AUTO(azure_settings_free) struct azure_settings *s = NULL;
	int rc = keys_point_open(&p, c->in, false, err);

	if (!rc && p.point->vm_config && (s = azure_settings_from(p.point->vm_config, NULL)))
		rc = check_settings(c, s, err);
	for (size_t i = 0; !rc && i < p.n_origins; i++)
		rc = check_secret(c, p.origin[i].origin->secret_url, NULL, p.origin[i].origin->kek_url, NULL, err);
	return rc;
}

static int check_all(struct checking *c, struct error *err)
{
	const char *path = options_get(c->in->options, OPT_VM_CONFIG);
	AUTO(azure_settings_free) struct azure_settings *s = NULL;
	int rc;

	if ((path != NULL) == (c->in->n_operands == 2)) {
		error_set(err, EINVAL, "whose keys?");
		error_next(err, "Name VAULT and VM, or the VM's description with --vm-config FILE.");
		return -EINVAL;
	}
	if (path && !(s = azure_settings_load(path, err)))
		return -err->code;
	rc = s ? check_settings(c, s, err) : check_point(c, err);
	if (rc || c->n)
		return rc;
	error_set(err, ENOENT, "no key of a Key Vault is named there");
	error_object(err, "%s", path ? path : c->in->operands[1]);
	return -ENOENT;
}

static int run(const struct invocation *in)
{
	__attribute__((cleanup(checking_clear))) struct checking c = { .in = in, .vaults = json_array() };
	struct error err = ERROR_INIT;
	json_t *members;
	bool lacks;
	int said;

	if (check_all(&c, &err) < 0)
		return report_error(in->report, &err);
	lacks = check_tell(&c);
	members = json_pack("{s:s,s:O}", "access", lacks ? "missing" : "ok", "vaults", c.vaults);
	if (lacks)
		json_object_set_new(members, "error", json_pack("{s:i,s:s,s:s,s:s}", "code", EXIT_PERMISSION, "object",
			in->n_operands == 2 ? in->operands[1] : options_get(in->options, OPT_VM_CONFIG), "text",
			"UserErrorKeyVaultPermissionsNotConfigured: permissions on the Key Vault are missing", "next",
			"Grant what `missing` names."));
	said = report_result(in->report, members);
	return lacks ? EXIT_PERMISSION : said;
}

const struct command cmd_keys_check = {
	.name = "keys check", .operands = "[VAULT VM]", .min = 0, .max = 2,
	.summary = "whether the Key Vault permits what a VM's disks need",
	.text = "Asks each Key Vault that holds keys of VM (as its newest point knows them), or that the description "
		"--vm-config names, for what opening the disks takes: get on secrets; and, where a KEK wraps the BEK, "
		"get and unwrapKey on keys. A plain BEK needs nothing on keys, and nothing is asked of them then. "
		"Nothing is changed, and no key is unwrapped.\n\n"
		"Says either that access is there and nothing is to be done, or which permission on which Key Vault "
		"is missing, for an application, a member or a guest user, and the command that grants it: an access "
		"policy or an Azure role, whichever the Key Vault goes by. Ends with 14 when something is missing.\n\n"
		"Only a Key Vault that --keystore names is asked; with --keystore azure, whichever the VM names.",
	.example = "  adebackup keys check --vm-config vm1.json --keystore azure\n"
		   "  adebackup keys check /backup web1 --vault-key vault.key --keystore https://contoso.vault.azure.net/",
	.groups = G_VAULT | G_CHECK, .run = run,
};
