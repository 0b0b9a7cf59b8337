/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/backup_source.h"
#include "fs/backup/proof.h"
#include "fs/image/webdisk.h"
#include "tools/lib/backup_changes.h"
#include "tools/lib/opening.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FETCHED_BYTES (16u << 20)	/* of disks behind URLs, kept: all is read once */

void backup_disks_clear(struct backup_disks *d)
{
	for (size_t i = 0; i < d->n; i++)
		blockdev_unref(d->disk[i].source);
	d->n = 0;
	source_opening_close(&d->source);
}

static int add(struct backup_disks *all, const char *name, size_t len, const char *source, const struct options *o,
	       struct error *err)
{
	struct backup_disk *d = &all->disk[all->n];

	if (all->n == BACKUP_DISKS_MAX)
		return error_set(err, EINVAL, "more than %u disks", BACKUP_DISKS_MAX);
	all->options = o;
	all->spec[all->n] = source;
	snprintf(all->name[all->n], sizeof(all->name[0]), "%.*s", (int)len, name);
	all->source.cache_bytes = FETCHED_BYTES;
	d->source = source_open(&all->source, source, o, &d->vhd, err);
	if (!d->source) {
		if (!err->object[0])
			error_object(err, "%s", source);
		return -err->code;
	}
	d->name = all->name[all->n++];
	d->words = source_words(d->source, source);
	d->version = webdisk_info(d->source) ? webdisk_info(d->source)->version : NULL;
	d->changes = backup_changes;
	d->changes_arg = all;
	return 0;
}

/* "os=/images/os.vhd" */
static int add_option(struct backup_disks *d, const char *text, const struct options *o, struct error *err)
{
	const char *equals = strchr(text, '=');

	if (equals && equals != text && equals[1] && equals - text < 64)
		return add(d, text, (size_t)(equals - text), equals + 1, o, err);
	error_set(err, EINVAL, "a disk is named NAME=SOURCE, not %.80s", text);
	error_next(err, "for instance --disk os=osdisk.vhd --disk lun0=data.vhd");
	return -EINVAL;
}

int backup_disks_from_options(struct backup_disks *d, const struct options *o, struct error *err)
{
	const char *text;
	int rc = 0;

	for (size_t i = 0; !rc && (text = options_nth(o, OPT_DISK, i)); i++)
		rc = add_option(d, text, o, err);
	return rc;
}

int backup_disks_from_item(struct backup_disks *d, const struct item *it, const struct options *o, struct error *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < it->n_disks; i++)
		rc = add(d, it->disk[i].name, strlen(it->disk[i].name), it->disk[i].source, o, err);
	if (!rc && !d->n)
		rc = error_set(err, EINVAL, "the item has no disks");
	return rc;
}

/* Bytes that are not backed up are worse than keys that are not proven. */
static int go_on_without_stores(struct backup_keys *k, const struct options *o, const struct report *report,
				struct error *err)
{
	struct error why = *err;

	error_clear(err);
	error_prefix(&why, 0, "the backup goes on without the key store");
	report_warning(report, &why);
	k->without_stores = true;
	k->keys = keyring_from_files(o, err);
	return k->keys ? 0 : -err->code;
}

int backup_keys_from_options(struct backup_keys *k, const struct options *o, const struct report *report,
			     struct error *err)
{
	static const enum option_id keys[] = { OPT_BEK, OPT_KEYS, OPT_RECOVERY_PASSWORD_FILE, OPT_PASSWORD_FILE,
					       OPT_KEYSTORE };
	struct error warning = ERROR_INIT;
	bool any = false;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		any = any || options_has(o, keys[i]);
	k->options.audit = k->audit = audit_from_options(o, err);
	k->options.try_all_keys = options_has(o, OPT_TRY_ALL_KEYS);
	k->options.max_kdf_memory = options_number(o, OPT_MAX_KDF_MEMORY, 0);
	if (!k->audit || !any)
		return -err->code;
	k->keys = keyring_from_options(o, err, &warning);
	if (warning.code)
		report_warning(report, &warning);
	if (!k->keys && (err->code == EHOSTUNREACH || err->code == ETIMEDOUT))
		return go_on_without_stores(k, o, report, err);
	if (k->keys && options_has(o, OPT_KEYSTORE))
		k->stores = keystores_from_options(o, err);
	return k->keys && !err->code ? 0 : -err->code;
}

void backup_keys_clear(struct backup_keys *k)
{
	keyring_free(k->keys);
	audit_close(k->audit);
	keystores_free(k->stores);
	*k = (struct backup_keys){ .keys = NULL };
}

int backup_keys_prove(const struct backup_keys *k, const struct backup_disks *d, struct vault *v, struct point *p,
		      struct error *err)
{
	struct proof_keys keys = { .keys = k->keys, .options = &k->options, .disks = d->disk, .n_disks = d->n,
				   .stores = k->stores };

	return proof_make(&keys, v, p, err);
}
