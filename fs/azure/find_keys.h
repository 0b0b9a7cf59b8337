/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what Azure says of a VM to its disks' keys, without anybody typing a
 * URL: the secrets that the settings name; where they name none, or none of
 * them is there any more, the secrets that are tagged as the VM's.
 */
#ifndef ADE_FS_AZURE_FIND_KEYS_H
#define ADE_FS_AZURE_FIND_KEYS_H

#include "fs/azure/settings.h"
#include "fs/keys/bek_fetch.h"

/* Adds the keys to the ring.  0: at least one was found; warning (may be NULL):
 * what was not.  Else the first refusal: -ENOENT (no store has them, or the
 * settings name none and no store lists any), -EACCES, -ENOKEY, … */
int azure_find_keys(const struct azure_settings *s, struct keystores *stores, struct audit *audit,
		    struct keyring *ring, struct error *err, struct error *warning);

/* For a recovery point whose capsule opens nothing: by the description that it
 * keeps of its VM (NULL: none), else by the tag MachineName = vm. */
int azure_find_point_keys(const struct jval *vm_config, const char *vm, struct keystores *stores,
			  struct audit *audit, struct keyring *ring, struct error *err, struct error *warning);

#endif
