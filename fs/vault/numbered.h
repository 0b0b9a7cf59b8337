/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that change although nothing is overwritten: "<folder>/<id>.<n>", n
 * counts from 0, the greatest that counts is the newest.  Sealed JSON objects.
 * FORMAT.md, section "Other records".  All functions: one thread a vault's
 * record; several hosts may put at once, one of them gets the number.
 */
#ifndef ADE_FS_VAULT_NUMBERED_H
#define ADE_FS_VAULT_NUMBERED_H

#include "fs/util/json_value.h"
#include "fs/vault/object.h"
#include "fs/vault/vault.h"

#define NUMBERED_ID_TEXT 40u

struct numbered {
	char id[NUMBERED_ID_TEXT];
	uint64_t number;
	int64_t time;		/* store time of its put */
};

/* All records below "<folder>/", or of that id alone: by id, the newest of each
 * first.  *rows is malloc'ed; other names are passed over. */
int numbered_list(struct vault *v, const char *folder, const char *id, struct numbered **rows, size_t *n,
		  struct error *err);
/* Its text.  -EBADMSG, -ENOTSUP: it is damaged, or newer than this program; -ENOENT; … */
int numbered_read(struct vault *v, enum object_type type, const char *folder, const struct numbered *row,
		  struct jval **doc, struct error *err);
/* -EEXIST: somebody else took that number. */
int numbered_put(struct vault *v, enum object_type type, const char *folder, const char *id, uint64_t number,
		 const struct jval *doc, struct error *err);
/* 1: gone, 0: the store does not let go of it yet (WORM). */
int numbered_remove(struct vault *v, const char *folder, const struct numbered *row, struct error *err);

#endif
