/* SPDX-License-Identifier: Apache-2.0 */
/* Records of condemned segments.  Private to fs/vault/collect*.c. */
#ifndef ADE_FS_VAULT_COLLECT_PRIVATE_H
#define ADE_FS_VAULT_COLLECT_PRIVATE_H

#include "fs/vault/collect.h"
#include "fs/vault/inventory_private.h"

struct cond_record {
	char name[64];			/* cond/<id> */
	int64_t time, claimed;		/* store times; claimed 0: by nobody */
	uint8_t (*segment)[SEGMENT_ID_BYTES];	/* owned */
	size_t n;
	bool ours;			/* this process holds the claim */
};

struct cond_records {
	struct cond_record *row;
	size_t n;
};

int cond_records_take(struct vault *v, struct cond_records *out, struct error *err);
void cond_records_clear(struct cond_records *r);
/* C2: a record of segment[n] (taken over), added to r. */
int cond_record_put(struct vault *v, struct cond_records *r, uint8_t (*segment)[SEGMENT_ID_BYTES], size_t n,
		    struct error *err);
/* C5: 1: the claim is ours and the record there; 0: somebody else's, or the record has gone. */
int cond_record_claim(struct vault *v, struct cond_record *r, struct error *err);
/* Give the claim back without having done anything. */
int cond_record_release(struct vault *v, struct cond_record *r, struct error *err);
/* C7. */
int cond_record_remove(struct vault *v, struct cond_record *r, struct error *err);
/* Is any of its segments still there? */
int cond_record_is_used(struct vault *v, const struct cond_record *r, struct error *err);

#endif
