/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds: points that no policy lets go until somebody releases them.  The
 * records of a point are numbered, and the last one counts, so that nothing is
 * overwritten.  FORMAT.md, section "Other records".
 */
#ifndef ADE_FS_VAULT_HOLD_H
#define ADE_FS_VAULT_HOLD_H

#include "fs/vault/point.h"

struct hold {
	char vm_id[VM_ID_TEXT], id[POINT_ID_TEXT];	/* of the point */
	uint64_t number;	/* of its newest record */
	bool held;		/* also when that record cannot be read */
	char reason[128];	/* for people; may be empty */
};

/* All points that were ever held, sorted; *list is malloc'ed. */
int hold_list(struct vault *v, struct hold **list, size_t *n, struct error *err);
bool hold_has(const struct hold *list, size_t n, const char *vm_id, const char *point_id);
/* Hold or release; *changed false: it was so already.  reason may be NULL. */
int hold_set(struct vault *v, const char *vm_id, const char *point_id, bool held, const char *reason, bool *changed,
	     struct error *err);
/* Take away records that newer ones of the same point stand for. */
int hold_drop_old(struct vault *v, uint64_t *n, struct error *err);

#endif
