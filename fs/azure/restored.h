/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What *Restore disks* left in a folder or a container: the config JSON (the
 * VM and the URIs of its VHDs), the encryption info, a template, the VHDs.
 * Names are not to be relied on, so each JSON is looked into; a name that
 * begins as Azure writes it only goes first.  All of it is hostile.
 */
#ifndef ADE_FS_AZURE_RESTORED_H
#define ADE_FS_AZURE_RESTORED_H

#include "fs/azure/settings.h"
#include "fs/store/store.h"

/* Where to look: a local folder, or a store (az://, https:// with lists). */
struct restored_place {
	const char *folder;		/* NULL: st */
	struct store *st;
};

struct restored_disk {
	char folder[16];		/* "os", "lun0", … */
	int lun;			/* -1: the OS disk */
	char *file;			/* its VHD's name in the place; NULL: not there */
	char *uri;			/* what the config says; NULL: nothing */
};

struct restored {
	struct azure_settings *settings;	/* all that the JSONs say of keys */
	struct jval *config;		/* the description of the VM alone */
	char config_name[256];
	char *vm;			/* NULL: not said */
	struct restored_disk *disk;	/* OS disk first, then by LUN */
	size_t n;
	size_t others;			/* configs beside the one that was taken */
};

/* NULL: ENOENT (no JSON there describes a VM's disks), EACCES, EBADMSG, … with words. */
struct restored *restored_read(const struct restored_place *p, struct error *err);
void restored_free(struct restored *r);

/* Keys by what the blob of a disk says itself (its DiskEncryptionSettings).  0 or -ENOMEM. */
int restored_add_settings(struct restored *r, const char *text, struct error *err);

DEFINE_CLEANUP(struct restored *, restored_free);

#endif
