/* SPDX-License-Identifier: Apache-2.0 */
/* What the keys commands share: a recovery point and its capsule. */
#ifndef ADE_TOOLS_ADEBACKUP_KEYS_CMD_H
#define ADE_TOOLS_ADEBACKUP_KEYS_CMD_H

#include "fs/vault/capsule.h"
#include "fs/vault/point.h"
#include "fs/vault/vault_session.h"
#include "tools/adebackup/command.h"

struct named_origin {
	char name[256];			/* as the capsule's key is named */
	struct key_origin *origin;
};

struct keys_point {
	struct vault *vault;
	struct point *point;
	struct vault_session *reader;	/* NULL: the store takes no record */
	struct keystores *stores;	/* NULL: none is named */
	struct audit *audit;
	struct keyring *keys;		/* of the capsule, as far as it opens */
	struct error locked;		/* why a key of it did not open; code 0: all did */
	struct named_origin *origin;
	size_t n_origins;
};

/* operands VAULT VM[@POINT].  ask_stores: the stores unwrap what is wrapped.
 * 0 or -errno with words; to be cleared in any case.  A capsule that does not
 * open is told in p->locked. */
int keys_point_open(struct keys_point *p, const struct invocation *in, bool ask_stores, struct error *err);
void keys_point_clear(struct keys_point *p);
static inline void keys_point_clear_cleanup(struct keys_point *p) { keys_point_clear(p); }

/* By the capsule's name; NULL: it came from no key store, or did not open. */
const struct key_origin *keys_point_origin(const struct keys_point *p, const char *name);
const struct key *keys_point_key(const struct keys_point *p, const char *name);

/* "vm1@20261120T020000Z", for messages and audit lines. */
void keys_point_text(const struct keys_point *p, char *out, size_t size);

/* The point keeps no key: say so, and why.  -ENOKEY. */
int keys_point_none(const struct keys_point *p, struct error *err);

#endif
