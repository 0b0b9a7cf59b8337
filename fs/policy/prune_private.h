/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a prune.  Private to fs/policy/prune*.c. */
#ifndef ADE_FS_POLICY_PRUNE_PRIVATE_H
#define ADE_FS_POLICY_PRUNE_PRIVATE_H

#include "fs/policy/prune.h"
#include "fs/vault/hold.h"

struct prune {
	struct vault *vault;
	const struct prune_options *opts;
	struct prune_result *out;
	struct hold *holds;
	size_t n_holds;
	struct error *err;
};

/* P1 to P3 for what was decided, and the log's entry of it. */
int prune_expire(struct prune *p);
/* log/<time>-<id>: what this run hides, deletes and brings back, and why; nothing when that is nothing. */
int prune_log(struct prune *p);

#endif
