/* SPDX-License-Identifier: Apache-2.0 */
/* Inside fs/vault: one sealed key of a capsule.  FORMAT.md, section "Capsule". */
#ifndef ADE_FS_VAULT_CAPSULE_ROW_H
#define ADE_FS_VAULT_CAPSULE_ROW_H

#include "fs/keys/keyring.h"
#include "fs/util/json_value.h"
#include "fs/vault/keys.h"

#define CAPSULE_WRAPPED_KIND "wrapped"
#define CONTENT_KEY_BYTES 32u

/* What seals: the vault's key and, for the slots marked for capsules, a key that only they unwrap. */
struct row_cipher {
	const struct key_ring *ring;
	const char *point_id;
	const struct secret *content;	/* CONTENT_KEY_BYTES; NULL: the vault's key alone */
};

/* What is said of a sealed key; kek and algorithm NULL: it is the key itself. */
struct row_label { const char *kind, *name, *guid, *kek, *algorithm; };

/* NULL: no memory, or OpenSSL fails. */
struct jval *capsule_row_seal(const struct row_cipher *c, const struct row_label *l, const uint8_t *bytes, size_t n);
/* Hostile input; l borrows from row.  False: it makes no sense. */
bool capsule_row_label(const struct jval *row, struct row_label *l);
/* 0 with *out owned by the caller; -EBADMSG, -ENOMEM with words. */
int capsule_row_open(const struct row_cipher *c, const struct jval *row, const struct row_label *l,
		     struct secret **out, struct error *err);

const char *capsule_kind_name(enum key_kind kind);
bool capsule_kind_parse(const char *name, enum key_kind *kind);

int capsule_set_hex(struct jval *o, const char *name, const void *data, size_t len);

#endif
