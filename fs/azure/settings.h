/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a VM's keys are, read from whatever Azure hands over: a VM model (dual
 * pass), a disk model (encryptionSettingsCollection 1.0 and 1.1, or the old
 * encryptionSettings), blob metadata DiskEncryptionSettings, the config and
 * the encryption info that *Restore disks* leaves, a recovery point with
 * keyAndSecret, a template, a list of any of them, the headers of a blob.
 * Hostile input: UTF-8 or UTF-16 of either order, with or without a
 * byte order mark, NULs behind it, members in any case, nested or with dots in
 * their names.  What is not known is passed over; the text is kept whole.
 */
#ifndef ADE_FS_AZURE_SETTINGS_H
#define ADE_FS_AZURE_SETTINGS_H

#include "crypto/cleanup.h"
#include "crypto/error.h"
#include "fs/util/json_value.h"

#include <stdbool.h>
#include <stddef.h>

#define AZURE_JSON_MAX (4 * 1024 * 1024)

enum ade_mechanism { ADE_UNKNOWN, ADE_DUAL_PASS, ADE_SINGLE_PASS };	/* with, without the AAD app */

/* One BEK, as some JSON names it. */
struct ade_secret {
	char *secret_url, *secret_vault_id;
	char *kek_url, *kek_vault_id;		/* NULL: not wrapped, as far as this says */
	char *secret_data;			/* the secret's value, from a recovery point; secret */
	char *key_backup, *secret_backup;	/* Key Vault backup blobs, standard base64 */
};

/* One disk that some JSON names. */
struct azure_disk {
	char *name, *uri;			/* VHD or managed disk id; may be NULL */
	int lun;				/* -1: the OS disk */
	bool is_windows, is_linux;			/* as osType says; data disks: neither */
};

struct azure_settings {
	char *vm_name, *vm_size;
	char *machine;				/* the guest's own name (osProfile); NULL: not said */
	enum ade_mechanism mechanism;
	bool enabled, managed;			/* encryption on; managed disks */
	struct ade_secret *secrets;
	size_t n_secrets;
	struct azure_disk *disks;		/* OS disk first, then by LUN */
	size_t n_disks;
	struct jval *document;			/* all that was read, unknown members too */
};

/* Text in any encoding to JSON; the headers of a blob to an object with their
 * DiskEncryptionSettings.  NULL: EBADMSG with words. */
struct jval *azure_json_parse(const void *data, size_t len, struct error *err);

/* NULL: EBADMSG (no JSON), ENOENT (JSON that says nothing of a VM, disk or key), ENOMEM. */
struct azure_settings *azure_settings_parse(const void *data, size_t len, struct error *err);
/* The same of JSON that was read (borrowed). */
struct azure_settings *azure_settings_from(const struct jval *doc, struct error *err);
struct azure_settings *azure_settings_load(const char *path, struct error *err);
void azure_settings_free(struct azure_settings *s);

/* The same document without what opens disks: SecretData and the Key Vault's
 * backup blobs, wherever they stand, are null.  Owned by the caller; NULL: no memory. */
struct jval *azure_redacted(const struct jval *doc);

DEFINE_CLEANUP(struct azure_settings *, azure_settings_free);

#endif
