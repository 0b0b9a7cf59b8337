/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store that stops at a put of one's choice, as a machine does that loses
 * its power or its network: from then on every call fails until it is
 * revived.  It can damage what it holds.  Any number of threads.
 */
#ifndef ADE_TESTS_LIB_CUTSTORE_H
#define ADE_TESTS_LIB_CUTSTORE_H

#include "fs/store/store.h"

enum cut_kind {
	CUT_NONE,
	CUT_BEFORE,		/* nothing of that put arrives */
	CUT_AFTER,		/* it is stored, but the answer is lost */
};

struct cutstore;

/* In memory.  Vaults get references: cutstore_share(). */
struct cutstore *cutstore_new(void);
struct cutstore *cutstore_over(struct store *taken);	/* in front of another */
void cutstore_free(struct cutstore *c);
struct store *cutstore_share(struct cutstore *c);	/* freeing it leaves c alone */

/* Stop at the n-th put from now, from 1, of a name with that prefix (borrowed). */
void cutstore_cut(struct cutstore *c, enum cut_kind kind, const char *prefix, unsigned n);
void cutstore_revive(struct cutstore *c);
const char *cutstore_cut_name(struct cutstore *c);	/* what it stopped at, or "" */

/* How many objects lists have told so far. */
unsigned long cutstore_told(struct cutstore *c);

/* Flip a bit of an object at an offset counted from its begin. */
void cutstore_damage(struct cutstore *c, const char *name, uint64_t off);

#endif
