/* SPDX-License-Identifier: Apache-2.0 */
/* What protect finds out about one VM before it becomes an item. */
#ifndef ADE_TOOLS_ADEBACKUP_PROTECT_VM_H
#define ADE_TOOLS_ADEBACKUP_PROTECT_VM_H

#include "fs/azure/vm_site.h"
#include "fs/policy/policy.h"
#include "tools/adebackup/command.h"

struct protecting {
	struct item item;	/* as it will be put */
	struct vm_site site;
	uint64_t size[ITEM_DISKS_MAX];	/* of the disks, bytes */
	const char *access;	/* "ok", "missing", "not checked", "none" (no key of a Key Vault is named) */
	json_t *notes, *vaults;	/* words for people; as keys check tells Key Vaults */
	bool warned;
};

void protecting_clear(struct protecting *p);

/*
 * Of several VMs (`several`) each --disk is VM/NAME=SOURCE, and each
 * --vm-config is that of the VM whose name it bears; of one, all are its own.
 * What an earlier record says stays where no option says otherwise; policy NULL:
 * the VM's own one, else the default.
 * 0 or -errno with words: this VM cannot be protected (or not without an option).
 */
int protect_examine(struct protecting *p, const struct invocation *in, struct vault *v, const char *vm, bool several,
		    const char *policy, struct error *err);

#endif
