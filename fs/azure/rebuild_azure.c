/* SPDX-License-Identifier: Apache-2.0 */
/*
 * azuredeploy.json and azure.sh: disks imported from VHD blobs, and a VM that
 * they are attached to (docs virtual-machines, API Microsoft.Compute disks
 * 2023-10-02, virtualMachines 2023-09-01).
 */
#include "fs/azure/rebuild_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"

/* A template: a failure anywhere makes it empty in the end. */
struct template {
	const struct rebuild *r;
	const struct ade_secret *secret;	/* NULL: none */
	struct jval *parameters, *resources;	/* borrowed from the root */
	int rc;
};

static void put(struct template *t, struct jval *object, const char *name, struct jval *taken)
{
	t->rc |= jval_set(object, name, taken);
}

static void text(struct template *t, struct jval *object, const char *name, const char *value)
{
	t->rc |= jval_set_text(object, name, value);
}

/* A string that begins with [ is an expression, unless it is doubled. */
static void parameter(struct template *t, const char *name, const char *value)
{
	struct jval *p = jval_object();
	AUTO(free) char *escaped = NULL;

	text(t, p, "type", "string");
	if (value && *value == '[') {
		if (asprintf(&escaped, "[%s", value) < 0) {
			escaped = NULL;
			t->rc = -ENOMEM;
		}
		value = escaped;
	}
	if (value)
		text(t, p, "defaultValue", value);
	put(t, t->parameters, name, p);
}

static struct jval *object_of(struct template *t, const char *name, const char *value)
{
	struct jval *o = jval_object();

	text(t, o, name, value);
	return o;
}

static struct jval *key(struct template *t, const char *url_name, const char *url, const char *vault)
{
	struct jval *o = object_of(t, url_name, url);

	put(t, o, "sourceVault", object_of(t, "id", vault));
	return o;
}

/* {diskEncryptionKey, keyEncryptionKey}; the parameters are declared as well. */
static struct jval *keys(struct template *t)
{
	struct jval *o = jval_object();
	const struct ade_secret *s = t->secret;

	parameter(t, "secretUrl", s->secret_url);
	parameter(t, "keyVaultId", s->secret_vault_id);
	put(t, o, "diskEncryptionKey", key(t, "secretUrl", "[parameters('secretUrl')]", "[parameters('keyVaultId')]"));
	if (!s->kek_url)
		return o;
	parameter(t, "kekUrl", s->kek_url);
	parameter(t, "kekVaultId", s->kek_vault_id ? s->kek_vault_id : s->secret_vault_id);
	put(t, o, "keyEncryptionKey", key(t, "keyUrl", "[parameters('kekUrl')]", "[parameters('kekVaultId')]"));
	return o;
}

static bool is_dual_pass(const struct rebuild *r)
{
	return r->vm->settings && r->vm->settings->mechanism == ADE_DUAL_PASS;
}

/* On the disk object; with the AAD app it stands in the VM's model instead. */
static void encrypt_disk(struct template *t, struct jval *properties)
{
	struct jval *o = jval_object(), *list = jval_array();

	t->rc |= jval_set_bool(o, "enabled", true);
	text(t, o, "encryptionSettingsVersion", "1.1");
	t->rc |= jval_append(list, keys(t));
	put(t, o, "encryptionSettings", list);
	put(t, properties, "encryptionSettingsCollection", o);
}

static struct jval *import(struct template *t, const char *uri_parameter)
{
	AUTO(free) char *uri = NULL;
	struct jval *o;

	if (asprintf(&uri, "[parameters('%s')]", uri_parameter) < 0) {
		uri = NULL;
		t->rc = -ENOMEM;
		return NULL;
	}
	o = object_of(t, "createOption", "Import");
	text(t, o, "sourceUri", uri);
	text(t, o, "storageAccountId", "[parameters('storageAccountId')]");
	return o;
}

static const char *os_name(const struct rebuild *r)
{
	return r->os == MACHINE_WINDOWS ? "Windows" : "Linux";
}

static void disk(struct template *t, const struct rebuild_disk *d)
{
	struct jval *o = object_of(t, "type", "Microsoft.Compute/disks"), *p = jval_object();
	char name[24], full[80], uri[40];

	rebuild_disk_name(d, name);
	snprintf(full, sizeof(full), "[concat(parameters('vmName'), '-%s')]", name);
	snprintf(uri, sizeof(uri), "%sVhdUri", name);
	parameter(t, uri, NULL);
	text(t, o, "apiVersion", "2023-10-02");
	text(t, o, "name", full);
	text(t, o, "location", "[resourceGroup().location]");
	put(t, o, "sku", object_of(t, "name", "[parameters('diskSku')]"));
	put(t, p, "creationData", import(t, uri));
	if (d->role == MACHINE_OS_DISK) {
		text(t, p, "osType", os_name(t->r));
		text(t, p, "hyperVGeneration", "[parameters('hyperVGeneration')]");
		if (t->secret && !is_dual_pass(t->r))
			encrypt_disk(t, p);
	}
	put(t, o, "properties", p);
	t->rc |= jval_append(t->resources, o);
}

static void disk_id(const struct rebuild_disk *d, char *out, size_t size)
{
	char name[24];

	rebuild_disk_name(d, name);
	snprintf(out, size, "resourceId('Microsoft.Compute/disks', concat(parameters('vmName'), '-%s'))", name);
}

static struct jval *attached(struct template *t, const struct rebuild_disk *d)
{
	struct jval *o = object_of(t, "createOption", "Attach");
	char id[128], expression[144];

	disk_id(d, id, sizeof(id));
	snprintf(expression, sizeof(expression), "[%s]", id);
	put(t, o, "managedDisk", object_of(t, "id", expression));
	if (d->role == MACHINE_DATA_DISK) {
		t->rc |= jval_set_i64(o, "lun", d->lun);
		return o;
	}
	text(t, o, "osType", os_name(t->r));
	if (t->secret && is_dual_pass(t->r)) {
		struct jval *k = keys(t);

		t->rc |= jval_set_bool(k, "enabled", true);
		put(t, o, "encryptionSettings", k);
	}
	return o;
}

static void storage(struct template *t, struct jval *properties, struct jval *depends)
{
	struct jval *profile = jval_object(), *data = jval_array();

	for (size_t i = 0; i < t->r->n_disks; i++) {
		const struct rebuild_disk *d = &t->r->disk[i];
		char id[128], expression[144];

		disk_id(d, id, sizeof(id));
		snprintf(expression, sizeof(expression), "[%s]", id);
		t->rc |= jval_append(depends, jval_new_text(expression));
		if (d->role == MACHINE_OS_DISK)
			put(t, profile, "osDisk", attached(t, d));
		else
			t->rc |= jval_append(data, attached(t, d));
	}
	put(t, profile, "dataDisks", data);
	put(t, properties, "storageProfile", profile);
}

/* No osProfile: the disk has its own accounts. */
static void machine(struct template *t)
{
	struct jval *o = object_of(t, "type", "Microsoft.Compute/virtualMachines"), *p = jval_object();
	struct jval *depends = jval_array(), *network = jval_object(), *nics = jval_array();

	text(t, o, "apiVersion", "2023-09-01");
	text(t, o, "name", "[parameters('vmName')]");
	text(t, o, "location", "[resourceGroup().location]");
	put(t, p, "hardwareProfile", object_of(t, "vmSize", "[parameters('vmSize')]"));
	storage(t, p, depends);
	t->rc |= jval_append(nics, object_of(t, "id", "[parameters('nicId')]"));
	put(t, network, "networkInterfaces", nics);
	put(t, p, "networkProfile", network);
	put(t, o, "properties", p);
	put(t, o, "dependsOn", depends);
	t->rc |= jval_append(t->resources, o);
}

static const struct ade_secret *secret_of(const struct rebuild *r)
{
	const struct azure_settings *s = r->encrypted ? r->vm->settings : NULL;

	return s && s->n_secrets ? &s->secrets[0] : NULL;
}

int rebuild_azure_json(const struct rebuild *r, FILE *f, struct error *err)
{
	AUTO(jval_free) struct jval *root = jval_object();
	struct template t = { .r = r, .secret = secret_of(r) };
	AUTO(free) char *out = NULL;
	struct machine m;

	(void)err;
	rebuild_machine_init(r, &m);
	text(&t, root, "$schema", SCHEMA);
	text(&t, root, "contentVersion", "1.0.0.0");
	put(&t, root, "parameters", jval_object());
	put(&t, root, "resources", jval_array());
	t.parameters = jval_get(root, "parameters");
	t.resources = jval_get(root, "resources");
	parameter(&t, "vmName", m.name);
	parameter(&t, "vmSize", r->vm->size);
	parameter(&t, "storageAccountId", NULL);
	parameter(&t, "nicId", NULL);
	parameter(&t, "diskSku", "Standard_LRS");
	parameter(&t, "hyperVGeneration", r->generation == MACHINE_GEN2 ? "V2" : "V1");
	for (size_t i = 0; i < r->n_disks; i++)
		disk(&t, &r->disk[i]);
	machine(&t);
	out = t.rc ? NULL : jval_print(root, true);
	if (!out)
		return -ENOMEM;
	fputs(out, f);
	if (!*out || out[strlen(out) - 1] != '\n')
		putc('\n', f);
	return 0;
}

static void upload(const struct rebuild *r, const struct rebuild_disk *d, FILE *f)
{
	char name[24], image[128];

	rebuild_disk_name(d, name);
	rebuild_image(r, d, "disk.vhd", image);
	fputs("az storage blob upload --auth-mode login --account-name \"$account\" --container-name \"$container\" \\\n"
	      "  --type page --file \"$images\"/", f);
	quote_sh(f, image);
	fprintf(f, " --name \"$name/%s.vhd\"\n", name);
}

static void deploy(const struct rebuild *r, FILE *f)
{
	fputs("az deployment group create --resource-group \"$group\" --template-file \"$here\"/azuredeploy.json \\\n"
	      "  --parameters vmName=\"$name\" nicId=\"$nic\" storageAccountId=\"$id\"", f);
	for (size_t i = 0; i < r->n_disks; i++) {
		char name[24];

		rebuild_disk_name(&r->disk[i], name);
		fprintf(f, " \\\n  %sVhdUri=\"$blobs/$name/%s.vhd\"", name, name);
	}
	fputs(" \"$@\"\n", f);
}

int rebuild_azure_sh(const struct rebuild *r, FILE *f, struct error *err)
{
	struct machine m;

	(void)err;
	rebuild_machine_init(r, &m);
	fputs("#!/bin/sh\n# Makes the VM \"", f);
	quote_words(f, r->title);
	fputs("\" in Azure: uploads its disks as page blobs, makes managed disks of them and a\n"
	      "# VM.  Needs the az program, signed in (az login), the storage account in the region of the\n"
	      "# resource group, and a network interface that is there.\n"
	      "#   sh azure.sh RESOURCE-GROUP STORAGE-ACCOUNT CONTAINER NIC-ID [PARAMETER=VALUE...]\n"
	      "# README.txt beside this file says what else is to be done.\n"
	      "set -eu\n"
	      "[ $# -ge 4 ] || { echo \"usage: azure.sh RESOURCE-GROUP STORAGE-ACCOUNT CONTAINER NIC-ID [PARAMETER=VALUE...]\" >&2; exit 2; }\n"
	      "group=$1 account=$2 container=$3 nic=$4\nshift 4\n"
	      "here=$(cd -- \"$(dirname -- \"$0\")\" && pwd)\nimages=${IMAGES:-", f);
	quote_sh(f, r->images);
	fprintf(f, "}\nname=${NAME:-%s}\n"
		"id=$(az storage account show --name \"$account\" --query id --output tsv)\n"
		"blobs=$(az storage account show --name \"$account\" --query primaryEndpoints.blob --output tsv)$container\n",
		m.name);
	for (size_t i = 0; i < r->n_disks; i++)
		upload(r, &r->disk[i], f);
	deploy(r, f);
	return 0;
}
