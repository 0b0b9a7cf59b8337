/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/azure/settings.h"
#include "fs/keys/keystore.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MAX_SECRETS 256
#define MAX_DISKS 256
#define MAX_DEPTH 24

static void free_secret_text(char *s)
{
	if (s)
		wipe(s, strlen(s));
	free(s);
}

void azure_settings_free(struct azure_settings *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_secrets; i++) {
		struct ade_secret *a = &s->secrets[i];

		free(a->secret_url);
		free(a->secret_vault_id);
		free(a->kek_url);
		free(a->kek_vault_id);
		free_secret_text(a->secret_data);
		free(a->key_backup);
		free(a->secret_backup);
	}
	for (size_t i = 0; i < s->n_disks; i++) {
		free(s->disks[i].name);
		free(s->disks[i].uri);
	}
	free(s->secrets);
	free(s->disks);
	free(s->machine);
	free(s->vm_name);
	free(s->vm_size);
	jval_free(s->document);
	free(s);
}

static char *dup_text(const struct jval *v)
{
	const char *t = jval_text(v);

	return t && *t ? strdup(t) : NULL;
}

static char *dup_path(const struct jval *v, const char *path)
{
	return dup_text(jval_path_ci(v, path));
}

/* An empty place for one more secret; NULL: too many, no memory. */
static struct ade_secret *add_secret(struct azure_settings *s)
{
	struct ade_secret *more;

	if (s->n_secrets == MAX_SECRETS)
		return NULL;
	more = reallocarray(s->secrets, s->n_secrets + 1, sizeof(*more));
	if (!more)
		return NULL;
	s->secrets = more;
	memset(&more[s->n_secrets], 0, sizeof(*more));
	return &more[s->n_secrets++];
}

static bool have_url(const struct azure_settings *s, const char *url)
{
	for (size_t i = 0; url && i < s->n_secrets; i++)
		if (s->secrets[i].secret_url && !strcasecmp(s->secrets[i].secret_url, url))
			return true;
	return false;
}

/* A template says "[parameters('secretUrl')]" where the value is not known yet. */
static bool is_expression(const char *text)
{
	return text && *text == '[';
}

/* {"diskEncryptionKey":{"secretUrl",…},"keyEncryptionKey":{"keyUrl",…}} */
static void take_pair(struct azure_settings *s, const struct jval *v)
{
	const char *url = jval_text(jval_path_ci(v, "diskEncryptionKey.secretUrl"));
	struct ade_secret *a;

	if (!url || is_expression(url) || have_url(s, url) || !(a = add_secret(s)))
		return;
	a->secret_url = strdup(url);
	a->secret_vault_id = dup_path(v, "diskEncryptionKey.sourceVault.id");
	a->kek_url = dup_path(v, "keyEncryptionKey.keyUrl");
	a->kek_vault_id = dup_path(v, "keyEncryptionKey.sourceVault.id");
}

/* encryptionSettingsCollection of a disk, or DiskEncryptionSettings of a blob. */
static void take_collection(struct azure_settings *s, const struct jval *v)
{
	const struct jval *list = jval_get_ci(v, "encryptionSettings");
	const char *version = jval_get_text(v, "encryptionSettingsVersion");

	s->enabled |= jval_bool(jval_get_ci(v, "enabled"), false) ||
		      jval_bool(jval_get_ci(v, "encryptionEnabled"), false);
	if (version)
		s->mechanism = !strcmp(version, "1.0") ? ADE_DUAL_PASS : ADE_SINGLE_PASS;
	else if (jval_get_ci(v, "encryptionEnabled"))
		s->mechanism = ADE_SINGLE_PASS;		/* blob metadata is the single pass's alone */
	for (size_t i = 0; i < jval_len(list) && jval_is_array(list); i++)
		take_pair(s, jval_at(list, i));
}

/* keyAndSecret of a recovery point. */
static void take_key_and_secret(struct azure_settings *s, const struct jval *v)
{
	const char *how = jval_get_text(v, "encryptionMechanism");
	const char *url = jval_text(jval_path_ci(v, "bekDetails.secretUrl"));
	struct ade_secret *a;

	if (how)
		s->mechanism = !strcasecmp(how, "DoublePass") ? ADE_DUAL_PASS :
			       !strcasecmp(how, "SinglePass") ? ADE_SINGLE_PASS : ADE_UNKNOWN;
	if (!url || have_url(s, url) || !(a = add_secret(s)))
		return;
	s->enabled = true;
	a->secret_url = strdup(url);
	a->secret_vault_id = dup_path(v, "bekDetails.secretVaultId");
	a->secret_data = dup_path(v, "bekDetails.secretData");
	a->kek_url = dup_path(v, "kekDetails.keyUrl");
	a->kek_vault_id = dup_path(v, "kekDetails.keyVaultId");
	a->key_backup = dup_path(v, "kekDetails.keyBackupData");
}

/* OsDiskKeyAndSecretDetails of the encryption info. */
static void take_info(struct azure_settings *s, const struct jval *v)
{
	const char *url = jval_get_text(v, "SecretUrl");
	struct ade_secret *a;

	if (!url || have_url(s, url) || !(a = add_secret(s)))
		return;
	s->enabled = true;
	a->secret_url = strdup(url);
	a->secret_data = dup_text(jval_get_ci(v, "SecretData"));
	a->kek_url = dup_text(jval_get_ci(v, "KeyUrl"));
	a->key_backup = dup_text(jval_get_ci(v, "KeyBackupData"));
	a->secret_backup = dup_text(jval_get_ci(v, "KeyVaultSecretBackupData"));
}

static void take_disk(struct azure_settings *s, const struct jval *v, bool os)
{
	const char *type = jval_get_text(v, "osType");
	struct azure_disk *more;
	int64_t lun = -1;

	if (!jval_is_object(v) || s->n_disks == MAX_DISKS ||
	    (!os && (!jval_i64(jval_get_ci(v, "lun"), &lun) || lun < 0 || lun > 1000)))
		return;
	more = reallocarray(s->disks, s->n_disks + 1, sizeof(*more));
	if (!more)
		return;
	s->disks = more;
	more[s->n_disks] = (struct azure_disk){
		.name = dup_text(jval_get_ci(v, "name")), .uri = dup_path(v, "vhd.uri"),
		.lun = os ? -1 : (int)lun, .is_windows = type && !strcasecmp(type, "Windows"),
		.is_linux = type && !strcasecmp(type, "Linux"),
	};
	if (!more[s->n_disks].uri)
		more[s->n_disks].uri = dup_path(v, "managedDisk.id");
	s->managed |= jval_get_ci(v, "managedDisk") != NULL;
	s->n_disks++;
}

static void take_storage_profile(struct azure_settings *s, const struct jval *v)
{
	const struct jval *os = jval_get_ci(v, "osDisk"), *data = jval_get_ci(v, "dataDisks");
	const struct jval *settings = jval_get_ci(os, "encryptionSettings");

	take_disk(s, os, true);
	for (size_t i = 0; jval_is_array(data) && i < jval_len(data); i++)
		take_disk(s, jval_at(data, i), false);
	if (!jval_is_object(settings))
		return;
	s->mechanism = ADE_DUAL_PASS;
	s->enabled |= jval_bool(jval_get_ci(settings, "enabled"), true);
	take_pair(s, settings);
}

static bool ends_with(const char *name, const char *tail)
{
	size_t n = strlen(name), t = strlen(tail);

	return n >= t && !strcasecmp(name + n - t, tail) && (n == t || name[n - t - 1] == '.');
}

struct walk { struct azure_settings *s; unsigned depth; };

static void walk_into(struct walk *w, const struct jval *v);

/* DiskEncryptionSettings arrives as text inside the blob's metadata. */
static void take_nested_text(struct walk *w, const char *text)
{
	AUTO(jval_free) struct jval *inner = jval_parse(text, strlen(text), NULL);

	if (inner)
		take_collection(w->s, inner);
}

static int on_member(void *arg, const char *name, struct jval *v)
{
	struct walk *w = arg;

	if (ends_with(name, "storageProfile"))
		take_storage_profile(w->s, v);
	else if (ends_with(name, "encryptionSettingsCollection"))
		take_collection(w->s, v);
	else if (!strcasecmp(name, "computerName") && jval_text(v) && !w->s->machine && !is_expression(jval_text(v)))
		w->s->machine = dup_text(v);
	else if (ends_with(name, "keyAndSecret"))
		take_key_and_secret(w->s, v);
	else if (ends_with(name, "OsDiskKeyAndSecretDetails"))
		take_info(w->s, v);
	else if (!strcasecmp(name, "DiskEncryptionSettings") && jval_text(v))
		take_nested_text(w, jval_text(v));
	else if (!strcasecmp(name, "DiskEncryptionSettings"))
		take_collection(w->s, v);
	else if (ends_with(name, "encryptionSettings") && jval_is_object(v)) {
		w->s->enabled |= jval_bool(jval_get_ci(v, "enabled"), false);
		take_pair(w->s, v);		/* a disk of the oldest API */
	} else {
		walk_into(w, v);
	}
	return 0;
}

/* The VM among several things in a list, or the VM that a disk says it is of. */
static void take_name(struct azure_settings *s, const struct jval *v)
{
	const char *of = jval_get_text(v, "managedBy"), *slash = of ? strrchr(of, '/') : NULL;

	if (!s->vm_name && jval_path_ci(v, "properties.storageProfile")) {
		s->vm_name = dup_text(jval_get_ci(v, "name"));
		s->vm_size = s->vm_size ? s->vm_size : dup_path(v, "properties.hardwareProfile.vmSize");
	}
	if (!s->machine && slash && slash[1] && strcasestr(of, "/virtualMachines/"))
		s->machine = strdup(slash + 1);
}

static void walk_into(struct walk *w, const struct jval *v)
{
	if (w->depth == MAX_DEPTH)
		return;
	w->depth++;
	take_name(w->s, v);
	if (jval_is_object(v))
		jval_each(v, on_member, w);
	for (size_t i = 0; jval_is_array(v) && i < jval_len(v); i++)
		walk_into(w, jval_at(v, i));
	w->depth--;
}

static int by_lun(const void *a, const void *b)
{
	return ((const struct azure_disk *)a)->lun - ((const struct azure_disk *)b)->lun;
}

static void take_top(struct azure_settings *s, const struct jval *v)
{
	struct walk w = { .s = s };

	s->vm_name = dup_text(jval_get_ci(v, "name"));
	s->vm_size = dup_path(v, "properties.hardwareProfile.vmSize");
	if (!s->vm_size)
		s->vm_size = dup_path(v, "hardwareProfile.vmSize");
	if (jval_get_ci(v, "encryptionEnabled"))
		take_collection(s, v);			/* the metadata's value alone */
	if (jval_path_ci(v, "diskEncryptionKey.secretUrl"))
		take_pair(s, v);
	walk_into(&w, v);
	if (s->n_disks)
		qsort(s->disks, s->n_disks, sizeof(*s->disks), by_lun);
}

/* Takes document, on failure too. */
static struct azure_settings *read_document(struct jval *document, struct error *err)
{
	AUTO(azure_settings_free) struct azure_settings *s = calloc(1, sizeof(*s));

	if (!s) {
		jval_free(document);
		return error_null(err, ENOMEM, "no memory");
	}
	s->document = document;
	take_top(s, s->document);
	if (s->n_secrets || s->n_disks)
		return TAKE(s);
	return error_null(err, ENOENT, "the JSON names no disk and no key of a VM");
}

struct azure_settings *azure_settings_parse(const void *data, size_t len, struct error *err)
{
	struct jval *document = azure_json_parse(data, len, err);

	return document ? read_document(document, err) : NULL;
}

struct azure_settings *azure_settings_from(const struct jval *doc, struct error *err)
{
	struct jval *document = jval_copy(doc);

	return document ? read_document(document, err) : error_null(err, ENOMEM, "no memory");
}

struct azure_settings *azure_settings_load(const char *path, struct error *err)
{
	AUTO(secret_free) struct secret *text = keyfile_read(path, AZURE_JSON_MAX, err);
	struct azure_settings *s;

	if (!text)
		return NULL;
	s = azure_settings_parse(secret_bytes(text), secret_len(text), err);
	if (!s)
		error_object(err, "%s", path);
	return s;
}
