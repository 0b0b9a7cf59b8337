/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store whose segments are also kept in a folder of this machine, range by
 * range as they were asked for.  Of ranges only what is sealed and never changes
 * is kept: names under seg/.  Several mounts, and several processes, may share a folder.
 * What is taken from it is checked first (cachefile.h), and asked for anew when
 * it is not as it was written; trouble with the folder never fails a get.
 *
 * Small objects that a list showed are kept too, for commands that ask for it
 * (store_diskcache_listed()): by address, name, size and time, as names of records
 * are used again by another vault, or by one that was put back as it was.
 *
 * When the folder holds more than its size, the segments used longest ago go,
 * whoever cached them.
 */
#ifndef ADE_FS_STORE_DISKCACHE_H
#define ADE_FS_STORE_DISKCACHE_H

#include "fs/store/store.h"

#define DISKCACHE_BYTES (UINT64_C(10) << 30)	/* the default size */

/* Takes lower, on failure too; NULL is handed on.  The folder is made when it is
 * missing.  NULL: EACCES, EPERM (another user can write to the folder), … */
struct store *store_diskcache_new(struct store *lower_taken, const char *folder, uint64_t bytes, struct error *err);

/* From now on store_recall() and store_keep() work; address: where the store is, without secrets. */
void store_diskcache_listed(struct store *st, const char *address);

struct diskcache_stats {
	uint64_t hits, misses;		/* gets of segments that needed no network; that did */
	uint64_t hit_bytes;		/* from the folder */
	uint64_t broken;		/* ranges that were not as they were written */
	uint64_t evicted;		/* files, by this process */
	uint64_t limit, used;		/* bytes; used: as last counted, of all who share it */
};
/* st: what store_diskcache_new() gave. */
void store_diskcache_stats(struct store *st, struct diskcache_stats *out);
/* Bytes that can still be kept without anything being evicted, as the folder's
 * size and the file system's free space allow. */
uint64_t store_diskcache_room(struct store *st);

#endif
