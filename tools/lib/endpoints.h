/* SPDX-License-Identifier: Apache-2.0 */
/* What has to be reached for a backup, for whoever has to let it through a firewall. */
#ifndef ADE_TOOLS_LIB_ENDPOINTS_H
#define ADE_TOOLS_LIB_ENDPOINTS_H

#include "fs/vault/item.h"
#include "tools/lib/options.h"

/* Of a backup that failed because something is out of reach: put Azure Backup's
 * code in front of the words, and the hosts of store, disks, Key Vaults and
 * sign-in behind the next step.  Other errors stay as they are.  it may be NULL. */
void endpoints_explain(struct error *err, const char *vault, const struct options *o, const struct item *it);

#endif
