/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of a mounted vault: VMs, their recovery points, their disks
 * (DESIGN.md, section 7).  Which points there are, and which is `latest`, is
 * fixed when the tree is made; a point is read and a disk opened on first use.
 */
#ifndef ADE_FS_MOUNT_POPULATE_VAULT_H
#define ADE_FS_MOUNT_POPULATE_VAULT_H

#include "fs/image/disk_overlay.h"
#include "fs/mount/tree.h"
#include "fs/vault/chunk_cache.h"
#include "fs/vault/point.h"

struct vault_view {
	struct vault *vault;		/* all are borrowed and outlive the tree */
	struct chunk_cache *cache;
	/* That the user holds in files or typed; NULL: none.  Wiped when the root is a point whose disks are
	 * all open: until then the next disk may need them. */
	struct keyring *keys;
	/* Others that he named, which are got for each disk that is opened and then wiped.  0 or -errno with
	 * words, which are logged.  NULL: there are none. */
	int (*fetch_keys)(void *arg, struct keyring *to, struct error *err);
	void *fetch_arg;
	struct keystores *stores;	/* for keys that a capsule keeps wrapped; NULL: none */
	struct disk_options options;	/* what its pointers name outlives the tree, too */
	const struct overlay_choice *overlay;	/* a folder or temporary; base and identity are set here */
	struct disk_watches *watches;	/* told which disks are read; NULL: nobody watches */
	struct trace *record;		/* notes what is read for the first time; NULL: no trace */
	const struct trace *replay;	/* what is fetched before it is read; NULL: nothing */
	bool bek_volume;		/* points show bek-volume.raw */
	/* Called once a point was read; newest: of its VM.  NULL: nobody asks. */
	void (*seen)(const struct vault *v, const struct point *p, bool newest);
	const char *dir;		/* where it is mounted, for rebuild/ */
	const char *vm;			/* the root is this VM; NULL: the vault */
	const char *point;		/* the root is this point of it; NULL: the VM */
};

/* Tell the store that populate_vault() will be called on it. */
void populate_vault_expect(const struct vault_view *view, struct store *st);

/* NULL: ENOENT (no such VM or point), what the store answers, ENOMEM. */
struct tree *populate_vault(const struct vault_view *view, const struct tree_owner *owner, struct error *err);

#endif
