/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proof that a point's disks can be opened: with the keys at hand each disk is
 * opened as a mount would open it; every encrypted volume must unlock and
 * somewhere a file system must be seen.  What opening read is noted in the
 * manifest (the opening set), so that the next opening needs no page for it.
 */
#ifndef ADE_FS_BACKUP_PROOF_H
#define ADE_FS_BACKUP_PROOF_H

#include "fs/backup/backup.h"
#include "fs/image/disk.h"

struct proof_keys {
	struct keyring *keys;			/* borrowed; NULL: nothing is proven, disks are described */
	const struct disk_options *options;
	const struct backup_disk *disks;	/* as given to backup_run() */
	size_t n_disks;
	struct keystores *stores;		/* give Key Vault's backup blobs for the capsule; NULL: none is asked */
};

/* For backup_options.prove, with a struct proof_keys as arg: fills proof,
 * proof_words, each disk's info and opening set, and the capsule as far as the
 * vault keeps keys.  A disk that does not
 * open is no failure: the point is "not proven", and its words say why. */
int proof_make(const struct proof_keys *k, struct vault *v, struct point *p, struct error *err);

#endif
