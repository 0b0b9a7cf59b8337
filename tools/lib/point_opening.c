/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/point_opening.h"
#include "fs/azure/find_keys.h"
#include "fs/image/point_family.h"
#include "fs/vault/capsule.h"
#include "fs/vault/item.h"
#include "tools/lib/key_options.h"
#include "tools/lib/opening.h"
#include "tools/lib/seen.h"
#include "tools/lib/vault_opening.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *point_operand_split(const char *text, char *vm, size_t size)
{
	const char *at = strrchr(text, '@');
	size_t len = at ? (size_t)(at - text) : strlen(text);

	if (!len || len >= size)
		return NULL;
	memcpy(vm, text, len);
	vm[len] = '\0';
	return at && at[1] ? at + 1 : "latest";
}

/* No restore, no look, until somebody takes the VM back. */
static int refuse_deleted(struct vault *v, const char *vm, const char *vm_id, struct error *err)
{
	bool deleted;
	int rc = item_is_deleted(v, vm_id, &deleted, err);

	return rc < 0 || !deleted ? rc : item_deleted_error(vm, err);
}

struct point *point_from_operand(struct vault *v, const char *text, struct vault_session **reader,
				 struct error *err)
{
	struct point_name name;
	struct point *p = NULL;
	char vm[128];
	const char *which = point_operand_split(text, vm, sizeof(vm));
	int rc = -ESTALE;

	*reader = NULL;
	if (!which) {
		error_set(err, EINVAL, "'%.80s' names no VM", text);
		error_next(err, "Write VM or VM@POINT; `adebackup list` shows what there is.");
		return NULL;
	}
	for (int tries = 0; rc == -ESTALE && tries < 2; tries++) {
		if (*reader)
			vault_session_end(TAKE(*reader));
		rc = point_find(v, vm, which, &name, err);
		if (rc == 0)
			rc = refuse_deleted(v, vm, name.vm_id, err);
		if (rc < 0)
			break;
		*reader = vault_reader_begin(v, name.object, NULL);
		rc = point_read_unmarked(v, &name, &p, err);
	}
	if (rc < 0 && !err->object[0])
		error_object(err, "%s", text);
	if (rc == 0)
		seen_log(v, p, !strcmp(which, "latest"));
	return rc < 0 ? NULL : p;
}

static bool is_named(const struct options *o, const char *disk)
{
	const char *named;

	for (size_t i = 0; (named = options_nth(o, OPT_DISK, i)); i++)
		if (!strcmp(named, disk))
			return true;
	return !options_has(o, OPT_DISK);
}

const struct point_disk *point_next_disk(const struct point *p, const struct options *o, size_t *i)
{
	while (*i < p->n_disks) {
		const struct point_disk *d = &p->disk[(*i)++];

		if (is_named(o, d->name))
			return d;
	}
	return NULL;
}

int point_check_disks(const struct point *p, const struct options *o, struct error *err)
{
	const char *named;

	for (size_t i = 0; (named = options_nth(o, OPT_DISK, i)); i++)
		if (!point_find_disk(p, named)) {
			error_set(err, ENOENT, "the recovery point has no disk '%.64s'", named);
			error_next(err, "`adebackup list --json` names its disks.");
			return -ENOENT;
		}
	return 0;
}

static void warn(const struct report *report, const struct error *e)
{
	if (e->code)
		report_warning(report, e);
}

static void add_named(const struct options *o, const struct capsule_opener *with, const struct report *report,
		      struct keyring *keys)
{
	struct error why = ERROR_INIT, warning = ERROR_INIT;

	keyring_add_named(keys, with->stores, o, with->audit, &why, &warning);
	warn(report, &why);
	warn(report, &warning);
}

/* What nobody named and the capsule does not have the key stores may. */
static void search_stores(const struct point *p, const struct capsule_opener *with, const struct report *report,
			  struct keyring *keys)
{
	struct error why = ERROR_INIT, warning = ERROR_INIT;

	azure_find_point_keys(p->vm_config, p->vm, with->stores, with->audit, keys, &why, &warning);
	warn(report, &why);
	warn(report, &warning);
}

/* A secret that a store does not give is only warned of: the capsule may have it. */
static void add_own_keys(const struct point *p, const struct options *o, const struct capsule_opener *with,
			 const struct report *report, struct keyring *keys)
{
	struct error sealed = ERROR_INIT, wrapped = ERROR_INIT;

	if (with->stores && keyring_names_secrets(o))
		add_named(o, with, report, keys);
	capsule_open(with->ring, p->id, p->capsule, keys, &sealed);
	warn(report, &sealed);
	capsule_unwrap(with, p->id, p->capsule, keys, &wrapped);
	warn(report, &wrapped);
	if (with->stores && keystores_count(with->stores) && !keyring_count(keys))
		search_stores(p, with, report, keys);
}

struct keyring *point_keyring(struct vault *v, const struct point *p, const struct options *o,
			      const struct report *report, struct audit *audit, struct error *err)
{
	struct capsule_opener with = { .ring = vault_ring(v), .private_key = vault_private_key(v), .audit = audit };
	AUTO(keyring_free) struct keyring *keys = keyring_from_files(o, err);
	AUTO(keystores_free) struct keystores *stores = NULL;

	if (!keys)
		return NULL;
	if (options_has(o, OPT_KEYSTORE) || keyring_names_secrets(o)) {
		stores = keystores_from_options(o, err);
		if (!stores)
			return NULL;
	}
	with.stores = stores;
	add_own_keys(p, o, &with, report, keys);
	return TAKE(keys);
}

/* The one that --disk names, or the only one. */
static const struct point_disk *one_disk(const struct point *p, const struct options *o, struct error *err)
{
	size_t i = 0;
	const struct point_disk *d;

	if (point_check_disks(p, o, err) < 0)
		return NULL;
	d = point_next_disk(p, o, &i);
	if (d && !point_next_disk(p, o, &i))
		return d;
	error_set(err, EINVAL, "the recovery point has several disks");
	error_next(err, "Name one: --disk %s.", p->disk[0].name);
	return NULL;
}

int point_opening_look(struct point_opening *op, const char *vault, const char *operand,
		       const struct options *o, const struct report *report, struct error *err)
{
	struct disk_options opts = {
		.partial = options_has(o, OPT_PARTIAL), .try_all_keys = options_has(o, OPT_TRY_ALL_KEYS),
		.max_kdf_memory = options_number(o, OPT_MAX_KDF_MEMORY, 0),
	};
	const struct point_disk *d;
	const char *headers[16];
	char label[POINT_LABEL_BYTES];
	struct point_family family;
	struct blockdev *bd;
	int rc;

	*op = (struct point_opening){ .vault = vault_from_options(vault, o, err) };
	op->point = op->vault ? point_from_operand(op->vault, operand, &op->reader, err) : NULL;
	d = op->point ? one_disk(op->point, o, err) : NULL;
	op->audit = d ? audit_from_options(o, err) : NULL;
	op->keys = op->audit ? point_keyring(op->vault, op->point, o, report, op->audit, err) : NULL;
	op->cache = op->keys ? chunk_cache_new(0, err) : NULL;
	bd = op->cache ? point_disk_new(op->vault, op->point, d, op->cache, err) : NULL;
	opts.headers = headers;
	while (bd && opts.n_headers < 16 && (headers[opts.n_headers] = options_nth(o, OPT_HEADER, opts.n_headers)))
		opts.n_headers++;
	if (bd) {
		opts.audit = op->audit;
		opts.label = label;
		point_disk_label(op->point, d, label);
		opts.family = point_family(&family, op->vault, op->point, d, op->cache, op->keys, &opts);
	}
	op->disk = bd ? disk_open(bd, d->vhd, op->keys, &opts, err) : NULL;
	rc = op->disk ? disk_check_keys(op->disk, err, NULL) : -err->code;
	if (rc < 0)
		point_opening_close(op);
	return rc;
}

void point_opening_close(struct point_opening *op)
{
	disk_unref(op->disk);
	keyring_free(op->keys);
	audit_close(op->audit);
	chunk_cache_free(op->cache);
	vault_last_words(op->vault, true);
	if (op->reader)
		vault_session_end(op->reader);
	point_free(op->point);
	vault_free(op->vault);
	*op = (struct point_opening){ .vault = NULL };
}
