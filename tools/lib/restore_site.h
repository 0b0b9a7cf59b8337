/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Azure restores an encrypted VM into its own subscription and region alone.
 * Ours restores anywhere; who says where a restore is for is told.
 */
#ifndef ADE_TOOLS_LIB_RESTORE_SITE_H
#define ADE_TOOLS_LIB_RESTORE_SITE_H

#include "fs/vault/point.h"
#include "tools/lib/options.h"

/* --region and --subscription against those of the point's VM, or where its
 * description says nothing, the vault's.  -ENOTSUP with words, unless
 * --cross-region, --cross-subscription. */
int restore_site_check(const struct vault *v, const struct point *p, const struct options *o, struct error *err);

#endif
