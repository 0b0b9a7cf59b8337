/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions and readers as others see them: by the records that they leave in
 * the store (vault_session.h).  FORMAT.md, section "Other records".
 */
#ifndef ADE_FS_VAULT_SIGNS_H
#define ADE_FS_VAULT_SIGNS_H

#include "fs/vault/object.h"
#include "fs/vault/segment.h"
#include "fs/vault/vault.h"

struct sign {
	char id[2 * SESSION_ID_BYTES + 1];
	int64_t first, last;	/* store time of its oldest and newest record, seconds since 1970 */
	char target[192];	/* manifest that it will commit, or reads; "": cannot be known */
	char host[64];		/* where it runs, for people; may be empty */
	int64_t pid;
};

/* type: OBJECT_SESSION or OBJECT_READER.  *list is malloc'ed, sorted by id.
 * 0, what the store says, -ENOMEM with words. */
int signs_list(struct vault *v, enum object_type type, struct sign **list, size_t *n, struct error *err);
/* Take all records of that session or reader away. */
int signs_remove(struct vault *v, enum object_type type, const char *id, struct error *err);
const struct sign *signs_find(const struct sign *list, size_t n, const char *id);	/* NULL: none */

#endif
