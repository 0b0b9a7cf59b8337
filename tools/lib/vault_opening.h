/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a vault's address and the options of a command (vault-key=, …) to an
 * open vault.
 */
#ifndef ADE_TOOLS_LIB_VAULT_OPENING_H
#define ADE_TOOLS_LIB_VAULT_OPENING_H

#include "fs/vault/vault.h"
#include "tools/lib/options.h"

struct vault_secret {
	struct slot_secret s;		/* borrows from the others */
	struct secret *bytes;
	struct keystores *stores;	/* where only key stores are named: they may hold the vault's KEK */
	struct audit *audit;
};

/* The secret that the options name; to be cleared in any case.
 * 0; -ENOKEY: none is named, -EINVAL: more than one, or what the file holds is none. */
int vault_secret_from_options(const struct options *o, struct vault_secret *out, struct error *err);
void vault_secret_clear(struct vault_secret *v);
static inline void vault_secret_clear_cleanup(struct vault_secret *v) { vault_secret_clear(v); }

/* Where a person sits at a terminal and no key is named, a passphrase is asked for.
 * NULL: ENOENT, EKEYREJECTED, ENOKEY, EBADMSG, … */
struct vault *vault_from_options(const char *vault, const struct options *o, struct error *err);

/* For a look at lists: what they show is kept in the folder that --diskcache names, and taken from there. */
struct vault *vault_from_options_kept(const char *vault, const struct options *o, struct error *err);

/* The same of a store that is open; taken. */
struct vault *vault_from_store(struct store *st_taken, const char *vault, const struct options *o, struct error *err);

/* What a command still says to its vault before it ends (its job's end, that it reads no more) keeps nobody waiting
 * for a store that is gone: all of it is over within a minute, of one that failed within a quarter.  NULL: no vault. */
void vault_last_words(struct vault *v, bool failed);

/* Does spec hold a vault?  For commands that take a disk image or a vault.  A
 * remote address with a vault's key beside it is taken for one without asking.
 * 1, 0, or -errno with words: the store cannot be reached. */
int vault_is_at(const char *spec, const struct options *o, struct error *err);

#endif
