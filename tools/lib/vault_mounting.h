/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a mount of a vault needs beside its tree: the vault, the keys, the
 * cache.
 */
#ifndef ADE_TOOLS_LIB_VAULT_MOUNTING_H
#define ADE_TOOLS_LIB_VAULT_MOUNTING_H

#include "fs/keys/audit.h"
#include "fs/keys/keystore.h"
#include "fs/mount/populate_vault.h"
#include "tools/lib/options.h"
#include "tools/lib/overlay_option.h"
#include "tools/lib/report.h"

struct vault_mounting {
	struct vault *vault;
	struct chunk_cache *cache;
	struct keyring *keys;
	const struct options *options;	/* borrowed */
	struct keystores *stores;
	struct audit *audit;
	const char *headers[16];
	char vm[128];
	struct overlay_option overlay;
	struct store *meter, *diskcache;	/* parts of the vault's store, borrowed; diskcache may be NULL */
	struct disk_watches *watches;
	struct trace *record, *replay;
	char vm_id[VM_ID_TEXT];			/* whose traces */
};

/* The tree of the vault at `source`, to be mounted at dir, as `at` (VM[@POINT];
 * NULL: vm= and point=) asks.  Release m after the tree, on failure too. */
struct tree *vault_mounting_tree(struct vault_mounting *m, const char *source, const char *dir,
				 const char *at, const struct options *o, const struct report *report,
				 const struct tree_owner *owner, struct error *err);
void vault_mounting_close(struct vault_mounting *m);

#endif
