/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Key Vault permits to whoever we are, found by asking: each question
 * is the call itself, or one that a Key Vault refuses for want of permission
 * before it looks at anything else.  Nothing is changed, no key is unwrapped.
 */
#ifndef ADE_FS_KEYS_KEYVAULT_ACCESS_H
#define ADE_FS_KEYS_KEYVAULT_ACCESS_H

#include "fs/keys/keyvault_call.h"

enum access_state { ACCESS_NOT_ASKED, ACCESS_GRANTED, ACCESS_MISSING };

/* In the order of enum access_id. */
enum access_id { ACCESS_SECRET_GET, ACCESS_SECRET_LIST, ACCESS_SECRET_BACKUP,
		 ACCESS_KEY_GET, ACCESS_KEY_UNWRAP, ACCESS_KEY_LIST, ACCESS_KEY_BACKUP, N_ACCESS };

struct access_def {
	const char *kind, *name;	/* "secrets"|"keys", as `az keyvault set-policy` names it */
	bool needed;			/* to open disks; else it is of use for backups */
};
extern const struct access_def access_defs[N_ACCESS];

/* Of one Key Vault; what was asked more than once: the worst. */
struct keyvault_access {
	enum access_state state[N_ACCESS];
	char code[64];			/* Key Vault's, of the first that is missing: ForbiddenByPolicy, … */
	bool by_role;			/* the Key Vault goes by Azure RBAC, as it says */
	bool by_firewall;		/* this address is not let in: nothing else can be told */
	bool certificate;		/* a secret or a key belongs to a certificate: not for ADE */
	char trouble[200];		/* an object is not there, or disabled; empty: none */
};

/* What a plain BEK needs; *kek_url: the KEK that its tags name, "" if it is not wrapped, or not to be
 * seen.  0; -EACCES (the token is not accepted), -EHOSTUNREACH, … with words. */
int keyvault_access_secret(struct keyvault *kv, const struct key_ref *secret, struct keyvault_access *a,
			   char kek_url[512], struct error *err);
/* What a KEK needs beside that. */
int keyvault_access_key(struct keyvault *kv, const struct key_ref *kek, struct keyvault_access *a, struct error *err);

/* Is anything missing that is needed? */
bool keyvault_access_lacks(const struct keyvault_access *a);

/* Who we are, as the token says; empty: it does not. */
struct keyvault_identity {
	char object_id[64], name[128];	/* name: user name, or the application's id */
	bool user, guest;
};
/* "[Bearer ]HEAD.CLAIMS.MAC", hostile input: read for words alone, so the signature is the Key Vault's to check. */
void keyvault_identity_read(const char *token, size_t len, struct keyvault_identity *out);
void keyvault_whoami(struct keyvault *kv, struct keyvault_identity *out);

#endif
