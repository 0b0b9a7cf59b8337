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
#include "fs/net/azure_token.h"
#include "tools/lib/options.h"

/* All stores that the options name, in their order; dir: is left to the
 * key ring.  NULL with words. */
struct keystores *keystores_from_options(const struct options *o, struct error *err);
/* The same; where none is named, the Key Vault of that URL. */
struct keystores *keystores_for_url(const struct options *o, const char *url, struct error *err);
/* What opening one takes; all is borrowed from o, and token from the caller. */
void keystore_options_from(const struct options *o, struct token_options *token, struct keystore_options *how);
struct audit *audit_from_options(const struct options *o, struct error *err);

/* The folders that keystore=dir: names.  0 or -errno with words. */
int keyring_add_folders(struct keyring *r, const struct options *o, struct error *err);

/* Are there secret-url= or vm-config=?  Add what the stores hold of it.  0 or
 * -errno with words; warning (may be NULL): what did not stop us. */
bool keyring_names_secrets(const struct options *o);
int keyring_add_named(struct keyring *r, struct keystores *k, const struct options *o, struct audit *audit,
		      struct error *err, struct error *warning);

/* The same with stores of its own, for a lone disk; where no secret is named,
 * all that may be a disk's key. */
int keyring_add_stores(struct keyring *r, const struct options *o, struct error *err, struct error *warning);

#endif
