/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options that name key stores, turned into open stores and into keys on a
 * ring: keystore=, keystore-key=, secret-url=, kek-url=, vm-config=, audit-log=,
 * reason=.
 */
#ifndef ADE_TOOLS_LIB_KEY_OPTIONS_H
#define ADE_TOOLS_LIB_KEY_OPTIONS_H

#include "fs/keys/audit.h"
#include "fs/keys/keyring.h"
#include "fs/keys/keystore.h"
#include "tools/lib/options.h"

/* All stores that the options name, in their order; dir: is left to the
 * key ring.  NULL with words. */
struct keystores *keystores_from_options(const struct options *o, struct error *err);
struct audit *audit_from_options(const struct options *o, struct error *err);

/* What a store that does not give its key is: a failure, or, for a recovery
 * point with keys of its own, no more than a warning. */
enum key_need { KEYS_MUST_COME, KEYS_MAY_BE_ELSEWHERE };

/* Add what the stores hold for this disk.  0 or -errno with words; warning
 * (may be NULL): what did not stop us. */
int keyring_add_stores(struct keyring *r, const struct options *o, enum key_need need, struct error *err,
		       struct error *warning);

#endif
