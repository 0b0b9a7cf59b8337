/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/adebackup/protect_vm.h"
#include "fs/image/disk.h"
#include "fs/keys/keystore.h"
#include "tools/adebackup/access_check.h"
#include "tools/lib/item_backup.h"
#include "tools/lib/source_opening.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define CONFIG_MAX (512u << 10)
#define FETCHED_BYTES (16u << 20)	/* of disks behind URLs */

void protecting_clear(struct protecting *p)
{
	item_clear(&p->item);
	json_decref(p->notes);
	json_decref(p->vaults);
}

static void note(struct protecting *p, const char *words)
{
	while (*words) {
		size_t n = strcspn(words, "\n");

		json_array_append_new(p->notes, json_stringn(words, n));
		words += n + (words[n] == '\n');
	}
}

/* What is on it is looked at without any key. */
static int look(struct item_disk *d, struct source_opening *from, const struct options *o, uint64_t *size, struct error *err)
{
	const struct disk_options opts = { .partial = true };
	AUTO(json_decref) json_t *info = NULL;
	AUTO(free) char *text = NULL;
	struct blockdev *source;
	char seen[256];
	bool vhd;

	source = source_open(from, d->source, o, &vhd, err);
	if (!source)
		return -err->code;
	*size = source->size - (vhd ? 512 : 0);
	AUTO(disk_unref) struct disk *disk = disk_open(source, vhd, NULL, &opts, err);
	text = disk ? disk_info_json(disk) : NULL;
	info = text ? json_parse(text, strlen(text), err) : NULL;
	if (!info)
		return err->code ? -err->code : error_set(err, ENOMEM, "out of memory");
	d->encrypted = disk_encryption(info, seen, sizeof(seen));
	free(d->encryption);
	d->encryption = strdup(seen);
	return d->encryption ? 0 : error_set(err, ENOMEM, "out of memory");
}

/* A timer starts elsewhere. */
static char *absolute(const char *source)
{
	char path[PATH_MAX];

	return strdup(!strstr(source, "://") && realpath(source, path) ? path : source);
}

/* "[VM/]NAME=SOURCE"; NULL: of another VM. */
static const char *own_disk(const char *text, const char *vm, bool several)
{
	size_t n = strlen(vm);

	if (!several && strncmp(text, vm, n))
		return text;
	return !strncmp(text, vm, n) && text[n] == '/' ? text + n + 1 : several ? NULL : text;
}

static int add_disk(struct item *it, const char *text, struct error *err)
{
	const char *equals = strchr(text, '=');
	struct item_disk *d = &it->disk[it->n_disks];

	if (!equals || equals == text || !equals[1] || equals - text >= 64) {
		error_set(err, EINVAL, "a disk is named NAME=SOURCE, not %.80s", text);
		error_next(err, "for instance --disk os=osdisk.vhd; of several VMs --disk VM/os=osdisk.vhd");
		return -EINVAL;
	}
	if (it->n_disks == ITEM_DISKS_MAX)
		return error_set(err, EINVAL, "more than %u disks", ITEM_DISKS_MAX);
	if (strstr(equals, "sig=")) {
		error_set(err, EINVAL, "the source of the disk '%.*s' bears a signature: the vault keeps no secret in an address",
			  (int)(equals - text), text);
		error_next(err, "Put the SAS into a file: --sas-file FILE");
		return -EINVAL;
	}
	*d = (struct item_disk){ .source = absolute(equals + 1) };
	snprintf(d->name, sizeof(d->name), "%.*s", (int)(equals - text), text);
	it->n_disks++;
	for (size_t i = 0; i + 1 < it->n_disks; i++)
		if (!strcmp(it->disk[i].name, d->name))
			return error_set(err, EINVAL, "the disk '%s' is named twice", d->name);
	return d->source ? 0 : error_set(err, ENOMEM, "out of memory");
}

/* Those that options name take the place of those before. */
static int take_disks(struct item *it, const struct options *o, bool several, struct error *err)
{
	const char *text, *own;
	bool first = true;
	int rc = 0;

	for (size_t i = 0; !rc && (text = options_nth(o, OPT_DISK, i)); i++) {
		own = own_disk(text, it->vm, several);
		if (!own)
			continue;
		if (first) {
			for (size_t k = 0; k < it->n_disks; k++) {
				free(it->disk[k].source);
				free(it->disk[k].encryption);
			}
			free(it->disk);
			it->n_disks = 0;
			it->disk = calloc(ITEM_DISKS_MAX, sizeof(*it->disk));
			if (!it->disk)
				return error_set(err, ENOMEM, "out of memory");
		}
		first = false;
		rc = add_disk(it, own, err);
	}
	if (rc || it->n_disks)
		return rc;
	error_set(err, EINVAL, "which disks has the VM '%s'?", it->vm);
	error_next(err, "Name each: --disk %s%sos=SOURCE --disk %s%slun0=SOURCE …", several ? it->vm : "", several ? "/" : "",
		   several ? it->vm : "", several ? "/" : "");
	return -EINVAL;
}

static struct jval *read_config(const char *path, struct error *err)
{
	AUTO(secret_free) struct secret *text = keyfile_read(path, CONFIG_MAX, err);
	AUTO(jval_free) struct jval *doc = text ? azure_json_parse(secret_bytes(text), secret_len(text), err) : NULL;
	struct jval *kept = doc ? azure_redacted(doc) : NULL;

	if (doc && !kept)
		error_set(err, ENOMEM, "out of memory");
	if (!kept && !err->object[0])
		error_object(err, "%s", path);
	return kept;
}

static bool is_of(const struct jval *doc, const char *vm)
{
	AUTO(azure_settings_free) struct azure_settings *s = azure_settings_from(doc, NULL);
	const char *name = s && s->vm_name ? s->vm_name : jval_get_text(doc, "name");

	return name && !strcasecmp(name, vm);
}

static int take_config(struct item *it, const struct options *o, bool several, struct error *err)
{
	AUTO(jval_free) struct jval *list = jval_array();
	const char *path;

	for (size_t i = 0; (path = options_nth(o, OPT_VM_CONFIG, i)); i++) {
		struct jval *doc = read_config(path, err);

		if (!doc)
			return -err->code;
		if (several && !is_of(doc, it->vm))
			jval_free(doc);
		else if (jval_append(list, doc) < 0)
			return error_set(err, ENOMEM, "out of memory");
	}
	if (!jval_len(list))
		return 0;
	jval_free(it->vm_config);
	if (jval_len(list) == 1) {
		it->vm_config = jval_ref(jval_at(list, 0));
		return 0;
	}
	it->vm_config = jval_object();	/* as Azure lists things */
	return jval_set(it->vm_config, "value", TAKE(list)) < 0 ? error_set(err, ENOMEM, "out of memory") : 0;
}

static int refuse_site(const char *what, const char *vms, const char *vaults, const char *option, struct error *err)
{
	error_set(err, ENOTSUP, "the VM is in the %s %s, the vault serves %s: Azure Backup refuses that", what, vms, vaults);
	error_next(err, "%s protects it all the same: only Azure's service is bound to it, our points restore anywhere.", option);
	return -ENOTSUP;
}

static int check_site(struct protecting *p, const struct vault_info *info, const struct options *o, struct error *err)
{
	struct item *it = &p->item;
	const char *region = options_get(o, OPT_REGION), *subscription = options_get(o, OPT_SUBSCRIPTION);

	snprintf(it->region, sizeof(it->region), "%.63s", region ? region : *p->site.region ? p->site.region : it->region);
	snprintf(it->subscription, sizeof(it->subscription), "%.63s", subscription ? subscription :
		 *p->site.subscription ? p->site.subscription : it->subscription);
	if (*p->site.os)
		snprintf(it->os, sizeof(it->os), "%s", p->site.os);
	it->cross_region = it->cross_region || options_has(o, OPT_CROSS_REGION);
	it->cross_subscription = it->cross_subscription || options_has(o, OPT_CROSS_SUBSCRIPTION);
	if (*it->region && *info->region && !vm_region_is(it->region, info->region)) {
		if (!it->cross_region)
			return refuse_site("region", it->region, info->region, "--cross-region", err);
		note(p, "it is in another region than the vault: Azure Backup would refuse it");
	}
	if (*it->subscription && *info->subscription && strcasecmp(it->subscription, info->subscription)) {
		if (!it->cross_subscription)
			return refuse_site("subscription", it->subscription, info->subscription, "--cross-subscription", err);
		note(p, "it is in another subscription than the vault: Azure Backup would refuse it");
	}
	return 0;
}

static int check_disks(struct protecting *p, const struct options *o, struct error *err)
{
	struct source_opening from = { .cache_bytes = FETCHED_BYTES };
	bool any = false;
	char words[1024];
	int rc = 0;

	for (size_t i = 0; i < p->item.n_disks && !rc; i++) {
		rc = look(&p->item.disk[i], &from, o, &p->size[i], err);
		if (rc && !err->object[0])
			error_object(err, "%s", p->item.disk[i].source);
		any = any || p->item.disk[i].encrypted;
	}
	source_opening_close(&from);
	if (rc)
		return rc;
	if (!any)
		note(p, "no disk is encrypted: Azure Disk Encryption is not switched on. When it is, backups go on, and their "
			"keys are to be named from then on");
	vm_limits_words(p->size, p->item.n_disks, any, words, sizeof(words));
	note(p, words);
	return 0;
}

static void check_agent(struct protecting *p)
{
	bool windows = !strcmp(p->item.os, "Windows");

	if (p->site.agent != VM_AGENT_SILENT && p->site.agent != VM_AGENT_ABSENT)
		return;
	p->warned = true;
	note(p, p->site.agent == VM_AGENT_ABSENT ?
	     "UserErrorGuestAgentStatusUnavailable: the VM has no guest agent, which Azure's snapshots need; adebackup does not" :
	     "UserErrorGuestAgentStatusUnavailable: the VM's guest agent does not answer, which Azure's snapshots need; "
	     "adebackup does not");
	note(p, windows ? "install it: msiexec /i WindowsAzureVmAgent.msi (https://go.microsoft.com/fwlink/?LinkID=394789)" :
	     "install it: apt-get install walinuxagent, or dnf install WALinuxAgent, then systemctl enable --now waagent");
}

/* What the Key Vaults that were named permit; others are told, not asked. */
static int check_access(struct protecting *p, const struct invocation *in, struct error *err)
{
	AUTO(azure_settings_free) struct azure_settings *s = azure_settings_from(p->item.vm_config, NULL);
	__attribute__((cleanup(checking_clear_cleanup))) struct checking c = { .in = in, .vaults = json_array() };
	int rc = 0;

	p->access = s && s->n_secrets ? "not checked" : "none";
	if (!s || !s->n_secrets)
		return 0;
	if (!options_has(in->options, OPT_KEYSTORE)) {
		note(p, "access to its Key Vault was not checked: --keystore https://NAME.vault.azure.net/ does");
		return 0;
	}
	rc = check_settings(&c, s, err);
	if (rc)
		return rc;
	for (size_t i = 0; i < c.n; i++)
		if (c.vault[i].access.certificate) {
			error_set(err, ENOTSUP, "a key or secret of the VM belongs to a certificate; stand-alone ones alone are supported");
			error_object(err, "https://%s/", c.vault[i].host);
			error_next(err, "Encrypt the VM with a stand-alone key, as Azure Backup asks for too.");
			return -ENOTSUP;
		}
	p->access = check_tell(&c) ? "missing" : "ok";
	p->warned = p->warned || !strcmp(p->access, "missing");
	json_decref(p->vaults);
	p->vaults = json_incref(c.vaults);
	return 0;
}

static int begin(struct protecting *p, struct vault *v, const char *vm, const char *policy, struct error *err)
{
	struct item *it = &p->item;
	int rc = item_get(v, vm, it, err);

	if (rc == -ENOENT || rc == -EBADMSG)	/* written anew, behind what is damaged or does not count */
		error_clear(err);
	else if (rc < 0)
		return rc;
	if (it->state == ITEM_DELETED)
		return item_deleted_error(vm, err);
	if (it->state == ITEM_STOPPED || !it->created)
		rc = store_now(vault_store(v), &it->since, err);
	else
		rc = 0;
	it->created = it->created ? it->created : it->since;
	it->state = ITEM_PROTECTED;
	snprintf(it->vm, sizeof(it->vm), "%.127s", vm);
	if (policy || !it->policy[0])
		snprintf(it->policy, sizeof(it->policy), "%.63s", policy ? policy : POLICY_DEFAULT);
	return rc;
}

int protect_examine(struct protecting *p, const struct invocation *in, struct vault *v, const char *vm, bool several,
		    const char *policy, struct error *err)
{
	int rc;

	*p = (struct protecting){ .access = "none", .notes = json_array(), .vaults = json_array() };
	rc = begin(p, v, vm, policy, err);
	rc = rc ? rc : take_config(&p->item, in->options, several, err);
	rc = rc ? rc : take_disks(&p->item, in->options, several, err);
	if (rc)
		return rc;
	vm_site_take(p->item.vm_config, &p->site);
	rc = check_site(p, vault_info(v), in->options, err);
	rc = rc ? rc : check_disks(p, in->options, err);
	if (rc)
		return rc;
	check_agent(p);
	return check_access(p, in, err);
}
