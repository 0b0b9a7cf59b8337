/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The object `vault`: what the vault says of itself in clear, authenticated
 * for whoever has its keys.  FORMAT.md, section "Vault".
 */
#ifndef ADE_FS_VAULT_VAULT_TEXT_H
#define ADE_FS_VAULT_VAULT_TEXT_H

#include "fs/vault/vault.h"

/* malloc'ed JSON with its MAC; NULL: no memory, no key. */
char *vault_text_print(const struct vault_info *info, const struct key_ring *ring);

/* Hostile input.  ring NULL: the MAC is not looked at.  0, -EBADMSG, -ENOMEM. */
int vault_text_parse(const void *text, size_t len, struct vault_info *out, struct error *err);
/* Was it this vault's keys that wrote it?  0 or -EBADMSG. */
int vault_text_check(const void *text, size_t len, const struct vault_info *info,
		     const struct key_ring *ring, struct error *err);

#endif
