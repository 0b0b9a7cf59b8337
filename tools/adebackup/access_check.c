/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/adebackup/access_check.h"
#include "fs/keys/keyvault_restore.h"
#include "tools/lib/key_options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void checking_clear(struct checking *c)
{
	for (size_t i = 0; i < c->n; i++)
		keyvault_free(c->vault[i].kv);
	json_decref(c->vaults);
}

/* URLs come from a description: only a Key Vault that the user names is asked. */
static bool is_named(const struct options *o, const char *host)
{
	const char *spec;

	for (size_t i = 0; (spec = options_nth(o, OPT_KEYSTORE, i)); i++) {
		size_t n = strlen(host);

		if (!strcmp(spec, "azure") || !strncmp(spec, "azure:", 6)) {
			if (keystore_azure_may_ask(spec[5] ? spec + 6 : "", host))
				return true;
		} else if (!strncmp(spec, "https://", 8) && !strncasecmp(spec + 8, host, n) &&
			   (!spec[8 + n] || spec[8 + n] == '/')) {
			return true;
		}
	}
	return false;
}

static int not_named(const char *host, struct error *err)
{
	error_set(err, EINVAL, "the VM's keys are in a Key Vault that you have not named");
	error_object(err, "https://%s/", host);
	error_next(err, "If it is yours: --keystore https://%s/, or --keystore azure for whichever a VM names.", host);
	return -EINVAL;
}

static struct asked_vault *vault_for(struct checking *c, const char *host, const char *resource_id, struct error *err)
{
	struct keystore_options how;
	struct token_options token;
	struct asked_vault *v;
	char url[300];

	for (size_t i = 0; i < c->n; i++)
		if (!strcmp(c->vault[i].host, host))
			return &c->vault[i];
	if (!is_named(c->in->options, host)) {
		not_named(host, err);
		return NULL;
	}
	if (c->n == VAULTS_MAX)
		return error_null(err, ENOTSUP, "the VM names more than %u Key Vaults", VAULTS_MAX);
	v = &c->vault[c->n];
	keystore_options_from(c->in->options, &token, &how);
	snprintf(url, sizeof(url), "https://%s/", host);
	v->kv = keyvault_new(url, &how, err);
	if (!v->kv)
		return NULL;
	snprintf(v->host, sizeof(v->host), "%s", host);
	snprintf(v->resource_id, sizeof(v->resource_id), "%.255s", resource_id ? resource_id : "");
	c->n++;
	return v;
}

static bool asked_before(struct checking *c, const char *url)
{
	for (size_t i = 0; i < c->n_done; i++)
		if (!strcmp(c->done[i], url))
			return true;
	if (c->n_done < OBJECTS_MAX)
		snprintf(c->done[c->n_done++], sizeof(c->done[0]), "%.511s", url);
	return false;
}

static int check_kek(struct checking *c, const char *url, const char *resource_id, struct error *err)
{
	struct asked_vault *v;
	struct key_ref ref;

	if (!*url || asked_before(c, url))
		return 0;
	if (key_ref_parse(url, "keys", &ref, err) < 0)
		return -EINVAL;
	v = vault_for(c, ref.host, resource_id, err);
	return v ? keyvault_access_key(v->kv, &ref, &v->access, err) : -err->code;
}

int check_secret(struct checking *c, const char *url, const char *vault_id, const char *kek, const char *kek_vault_id,
		 struct error *err)
{
	char tagged[512] = "";
	struct asked_vault *v;
	struct key_ref ref;
	int rc;

	if (!url || !strstr(url, "://"))
		return 0;
	if (key_ref_parse(url, "secrets", &ref, err) < 0)
		return -EINVAL;
	if (!asked_before(c, url)) {
		v = vault_for(c, ref.host, vault_id, err);
		rc = v ? keyvault_access_secret(v->kv, &ref, &v->access, tagged, err) : -err->code;
		if (rc)
			return rc;
	}
	return check_kek(c, kek && *kek ? kek : tagged, kek_vault_id, err);
}

int check_settings(struct checking *c, const struct azure_settings *s, struct error *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < s->n_secrets; i++)
		rc = check_secret(c, s->secrets[i].secret_url, s->secrets[i].secret_vault_id, s->secrets[i].kek_url,
				  s->secrets[i].kek_vault_id, err);
	return rc;
}

/* "get list": those of a kind that are needed and missing, or of use. */
static size_t names(const struct keyvault_access *a, const char *kind, bool needed, bool all, char *out, size_t room)
{
	size_t n = 0;

	out[0] = '\0';
	for (int i = 0; i < N_ACCESS; i++) {
		const struct access_def *d = &access_defs[i];

		if (strcmp(d->kind, kind) || d->needed != needed || (!all && a->state[i] != ACCESS_MISSING))
			continue;
		n += (size_t)snprintf(out + n, room - n, "%s%s", n ? " " : "", d->name);
	}
	return n;
}

/* The command that grants what is missing of one kind. */
static void grant(const struct asked_vault *v, const char *kind, const char *permissions, char *out, size_t room)
{
	const char *id = *v->who.object_id ? v->who.object_id : "OBJECT-ID";
	int name = (int)strcspn(v->host, ".:");
	bool keys = !strcmp(kind, "keys");
	char scope[300];

	if (*v->resource_id)
		snprintf(scope, sizeof(scope), "%s", v->resource_id);
	else
		snprintf(scope, sizeof(scope), "$(az keyvault show --name %.*s --query id -o tsv)", name, v->host);
	if (v->access.by_role)
		snprintf(out, room, "az role assignment create --role \"Key Vault %s User\" --assignee-object-id %s --scope %s",
			 keys ? "Crypto" : "Secrets", id, scope);
	else
		snprintf(out, room, "az keyvault set-policy --name %.*s --object-id %s --%s-permissions %s", name, v->host, id,
			 keys ? "key" : "secret", permissions);
}

static const char *who_words(const struct keyvault_identity *w)
{
	return w->guest ? "guest user" : w->user ? "member user" : "application";
}

/* Needed and missing of one kind, with the command.  Added to the list; printed when print. */
static void tell_missing(const struct asked_vault *v, const char *kind, json_t *missing, bool print)
{
	char lacks[100], all[100], command[900];

	if (!names(&v->access, kind, true, false, lacks, sizeof(lacks)))
		return;
	names(&v->access, kind, true, true, all, sizeof(all));
	grant(v, kind, all, command, sizeof(command));
	json_array_append_new(missing, json_pack("{s:s,s:s,s:s}", "kind", kind, "permissions", lacks, "grant", command));
	if (print)
		printf("  %s: %s is missing (%s)\n    %s\n", kind, lacks, v->access.code, command);
}

static void print_head(const struct asked_vault *v, bool lacks)
{
	if (v->access.by_firewall) {
		printf("WARNING  %s: its firewall does not let this address in; permissions cannot be told\n", v->host);
		return;
	}
	printf("%s  %s, as %s %s%s\n", lacks ? "WARNING" : "OK", v->host, who_words(&v->who), v->who.name,
	       lacks ? ": set permissions" : ": access to what the VM needs; nothing to do");
	if (lacks && v->who.guest)
		printf("  A guest user of the tenant has no permission of his own: an owner of the Key Vault must give it\n"
		       "  explicitly (UserErrorKeyVaultPermissionsNotConfigured).\n");
	if (lacks && v->who.user && !v->who.guest)
		printf("  A member user who owns the Key Vault may run this himself:\n");
}

static void tell_vault(struct checking *c, struct asked_vault *v)
{
	bool print = !c->in->report->json && !c->in->report->quiet, lacks = keyvault_access_lacks(&v->access);
	json_t *missing = json_array();
	char more[100], more_keys[100];

	keyvault_whoami(v->kv, &v->who);
	if (print)
		print_head(v, lacks);
	tell_missing(v, "secrets", missing, print && !v->access.by_firewall);
	tell_missing(v, "keys", missing, print && !v->access.by_firewall);
	names(&v->access, "secrets", false, false, more, sizeof(more));
	names(&v->access, "keys", false, false, more_keys, sizeof(more_keys));
	if (print && (*more || *more_keys))
		printf("  not needed to open disks, and of use for backups: %s%s%s%s%s\n", *more ? "secrets " : "", more,
		       *more && *more_keys ? "; " : "", *more_keys ? "keys " : "", more_keys);
	if (print && v->access.trouble[0])
		printf("  mind: %s\n", v->access.trouble);
	json_array_append_new(c->vaults, json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:o,s:s,s:s,s:s}", "host", v->host,
		"access", v->access.by_firewall ? "firewall" : lacks ? "missing" : "ok", "code", v->access.code, "model",
		v->access.by_role ? "rbac" : lacks ? "policy" : "", "who", who_words(&v->who), "name", v->who.name,
		"object_id", v->who.object_id, "missing", missing, "useful_secrets", more, "useful_keys", more_keys,
		"trouble", v->access.trouble));
}

bool check_tell(struct checking *c)
{
	bool lacks = false;

	for (size_t i = 0; i < c->n; i++) {
		tell_vault(c, &c->vault[i]);
		lacks = lacks || keyvault_access_lacks(&c->vault[i].access);
	}
	return lacks;
}
