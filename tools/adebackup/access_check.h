/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the Key Vaults that a VM's description names for what its disks need: keys check, protect. */
#ifndef ADE_TOOLS_ADEBACKUP_ACCESS_CHECK_H
#define ADE_TOOLS_ADEBACKUP_ACCESS_CHECK_H

#include "fs/azure/settings.h"
#include "fs/keys/keyvault_access.h"
#include "tools/adebackup/command.h"

#define VAULTS_MAX 16u
#define OBJECTS_MAX 128u

struct asked_vault {
	struct keyvault *kv;
	char host[256], resource_id[256];
	struct keyvault_access access;
	struct keyvault_identity who;
};

struct checking {
	const struct invocation *in;
	struct asked_vault vault[VAULTS_MAX];
	size_t n;
	char done[OBJECTS_MAX][512];	/* URLs that were asked about */
	size_t n_done;
	json_t *vaults;
};

/* c->in and c->vaults (a new array) are the caller's to set. */
void checking_clear(struct checking *c);
static inline void checking_clear_cleanup(struct checking *c) { checking_clear(c); }

/* One disk's key; a plain BEK asks for nothing of keys.  -EINVAL: it is in a Key Vault that nobody named. */
int check_secret(struct checking *c, const char *url, const char *vault_id, const char *kek, const char *kek_vault_id,
		 struct error *err);
int check_settings(struct checking *c, const struct azure_settings *s, struct error *err);
/* What was found of each, for people and added to c->vaults.  True: something that is needed is missing. */
bool check_tell(struct checking *c);

#endif
