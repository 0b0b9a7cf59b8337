/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a backup takes from options, or from a protected item: its disks, open,
 * and the keys by which it proves that they open.
 */
#ifndef ADE_TOOLS_LIB_BACKUP_SOURCE_H
#define ADE_TOOLS_LIB_BACKUP_SOURCE_H

#include "fs/backup/backup.h"
#include "fs/image/disk.h"
#include "fs/keys/keystore.h"
#include "fs/vault/item.h"
#include "tools/lib/key_options.h"
#include "tools/lib/options.h"
#include "tools/lib/report.h"
#include "tools/lib/source_opening.h"

#define BACKUP_DISKS_MAX 64u

/* Zeroed before; borrows the sources' words, and must stay where it is while they are in use. */
struct backup_disks {
	struct backup_disk disk[BACKUP_DISKS_MAX];
	char name[BACKUP_DISKS_MAX][64];
	const char *spec[BACKUP_DISKS_MAX];	/* as it was named, without its secret; borrowed */
	size_t n;
	const struct options *options;	/* borrowed */
	struct source_opening source;	/* of disks behind URLs */
};

/* 0 or -errno with words, naming the source that cannot be opened. */
int backup_disks_from_options(struct backup_disks *d, const struct options *o, struct error *err);
int backup_disks_from_item(struct backup_disks *d, const struct item *it, const struct options *o, struct error *err);
void backup_disks_clear(struct backup_disks *d);

/* Zeroed before; read-only when filled, for any number of threads. */
struct backup_keys {
	struct keyring *keys;		/* NULL: none was named */
	struct keystores *stores;	/* for Key Vault's backup blobs; NULL: none was named */
	struct audit *audit;
	struct disk_options options;
	bool without_stores;		/* a key store could not be reached, which was warned of: files alone */
};

int backup_keys_from_options(struct backup_keys *k, const struct options *o, const struct report *report,
			     struct error *err);
void backup_keys_clear(struct backup_keys *k);
/* For backup_options.prove: d are that backup's disks. */
int backup_keys_prove(const struct backup_keys *k, const struct backup_disks *d, struct vault *v, struct point *p,
		      struct error *err);

static inline void backup_disks_clear_cleanup(struct backup_disks *d) { backup_disks_clear(d); }
static inline void backup_keys_clear_cleanup(struct backup_keys *k) { backup_keys_clear(k); }

#endif
