/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/vault.h"
#include "fs/util/json_value.h"
#include "fs/vault/object.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define VM_NAME_MAX 127u

/* A VM's name becomes a folder's. */
static bool vm_name_ok(const char *name)
{
	size_t len = strlen(name);

	if (!len || len > VM_NAME_MAX || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f || name[i] == '/' || name[i] == '@')
			return false;
	return true;
}

int vault_vm_record(struct vault *v, const char *vm_name, struct error *err)
{
	AUTO(jval_free) struct jval *o = jval_object();
	AUTO(free) char *text = NULL;
	char id[VM_ID_TEXT], name[64];
	struct object there;
	int rc;

	if (!vm_name_ok(vm_name)) {
		error_set(err, EINVAL, "'%s' is no name for a VM", vm_name);
		error_next(err, "Names have 1 to %u bytes, no '/', no '@' and no control characters.", VM_NAME_MAX);
		return -EINVAL;
	}
	rc = vault_vm_id(v, vm_name, id);
	if (rc < 0)
		return error_set(err, -rc, "the vault is open without its keys");
	snprintf(name, sizeof(name), "vm/%s.0", id);
	rc = store_stat(vault_store(v), name, &there, err);
	if (rc != -ENOENT)
		return rc;
	error_clear(err);
	if (jval_set_text(o, "name", vm_name) < 0 || !(text = jval_print(o, false)))
		return error_set(err, ENOMEM, "out of memory");
	rc = object_put(vault_store(v), vault_ring(v), OBJECT_VM, name, text, strlen(text), err);
	if (rc == -EEXIST) {	/* another backup of the VM was first */
		error_clear(err);
		rc = 0;
	}
	return rc;
}

struct walk {
	struct vault *vault;
	vm_fn *fn;
	void *arg;
	struct error *err;
};

/* "vm/<16 hex digits>.0": records with other numbers are of later versions. */
static bool first_record(const char *name, char id[VM_ID_TEXT])
{
	if (strlen(name) != 3 + VM_ID_TEXT - 1 + 2 || strcmp(name + 3 + VM_ID_TEXT - 1, ".0"))
		return false;
	memcpy(id, name + 3, VM_ID_TEXT - 1);
	id[VM_ID_TEXT - 1] = '\0';
	return true;
}

static int walk_one(void *arg, const struct object *o)
{
	struct walk *w = arg;
	AUTO(jval_free) struct jval *doc = NULL;
	AUTO(free) void *text = NULL;
	char id[VM_ID_TEXT], expect[VM_ID_TEXT];
	const char *name;
	size_t len;
	int rc;

	if (!first_record(o->name, id))
		return 0;
	rc = object_get(vault_store(w->vault), vault_ring(w->vault), OBJECT_VM, o->name, &text, &len, w->err);
	if (rc < 0)
		return rc;
	doc = jval_parse(text, len, w->err);
	name = jval_text(jval_get(doc, "name"));
	if (!name || !vm_name_ok(name) || vault_vm_id(w->vault, name, expect) < 0 || strcmp(id, expect)) {
		error_set(w->err, EBADMSG, "damaged record of a VM's name");
		error_object(w->err, "%s", o->name);
		return -EBADMSG;
	}
	return w->fn(w->arg, name, id);
}

int vault_vm_list(struct vault *v, vm_fn *fn, void *arg, struct error *err)
{
	struct walk w = { .vault = v, .fn = fn, .arg = arg, .err = err };

	return store_list(vault_store(v), "vm/", walk_one, &w, err);
}
