/* SPDX-License-Identifier: Apache-2.0 */
/* From "VM[@POINT]", as people write it, to a recovery point that was read. */
#ifndef ADE_TOOLS_LIB_POINT_OPENING_H
#define ADE_TOOLS_LIB_POINT_OPENING_H

#include "fs/image/disk.h"
#include "fs/vault/chunk_cache.h"
#include "fs/vault/point.h"
#include "fs/vault/vault_session.h"
#include "tools/lib/options.h"
#include "tools/lib/report.h"

/* The part before the last @ into vm; returns the part after it, "latest"
 * without one.  NULL: the name is empty or too long. */
const char *point_operand_split(const char *text, char *vm, size_t size);

/* Find it, put a sign of life of this reader, then read it (R1 before R2); one
 * that is removed meanwhile is looked for once more.  *reader NULL: the store
 * takes no record, the grace of prune must do.
 * NULL: ENOENT, EBADMSG, ESTALE, … with words. */
struct point *point_from_operand(struct vault *v, const char *text, struct vault_session **reader,
				 struct error *err);

/* --disk names one, or all are meant; the first from *i on, *i behind it.
 * NULL: none is left. */
const struct point_disk *point_next_disk(const struct point *p, const struct options *o, size_t *i);

/* Every --disk is a disk of the point.  0 or -ENOENT with words. */
int point_check_disks(const struct point *p, const struct options *o, struct error *err);

/* The user's keys, then the capsule's; one of these that does not open is
 * warned of and no reason to stop.  NULL with words. */
struct keyring *point_keyring(struct vault *v, const struct point *p, const struct options *o,
			      const struct report *report, struct audit *audit, struct error *err);

/* One disk of a point, and all that it stands on. */
struct point_opening {
	struct vault *vault;
	struct point *point;
	struct vault_session *reader;	/* NULL: the store takes no record */
	struct chunk_cache *cache;
	struct keyring *keys;
	struct audit *audit;
	struct disk *disk;
};

/* As opening_look(), for VAULT VM[@POINT]: the disk that --disk names, or the
 * only one.  On success release with point_opening_close(). */
int point_opening_look(struct point_opening *op, const char *vault, const char *operand,
		       const struct options *o, const struct report *report, struct error *err);
void point_opening_close(struct point_opening *op);

static inline void point_opening_close_cleanup(struct point_opening *op) { point_opening_close(op); }

#endif
