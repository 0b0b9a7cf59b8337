/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was read of a disk and what was fetched for it, a bit for each chunk
 * (of very large disks for several), for whoever wants to see it and for boot
 * traces.  Any number of threads, no lock; a bit that is set stays set.
 */
#ifndef ADE_FS_IMAGE_DISKWATCH_H
#define ADE_FS_IMAGE_DISKWATCH_H

#include "crypto/error.h"
#include "fs/vault/trace.h"

#define DISKWATCH_UNITS_MAX (UINT64_C(1) << 22)

struct disk_watch {
	struct disk_watch *next;	/* in the list that it was added to */
	char name[256];			/* "vm/20261120T020000Z/os" */
	uint64_t size, chunks, units;	/* bytes; of it; bits */
	uint32_t chunk_size;
	unsigned shift;			/* chunks of a unit: 1 << shift */
	struct trace *trace;		/* borrowed; NULL: none */
	int trace_disk;
	struct blockdev *disk;		/* borrowed: what is watched */
	_Atomic uint64_t *read, *fetched;
};

/* trace (may be NULL): notes what is read for the first time, as of `disk`. */
struct disk_watch *disk_watch_new(const char *name, const char *disk, uint64_t size, uint32_t chunk_size,
				  struct trace *trace, struct error *err);
void disk_watch_free(struct disk_watch *w);

void disk_watch_read(struct disk_watch *w, uint64_t chunk);
void disk_watch_fetched(struct disk_watch *w, uint64_t chunk);
bool disk_watch_is_read(const struct disk_watch *w, uint64_t unit);
bool disk_watch_is_fetched(const struct disk_watch *w, uint64_t unit);

/* The watched disks of a mount, in the order in which they were opened. */
struct disk_watches;
struct disk_watches *disk_watches_new(void);		/* NULL: no memory */
void disk_watches_free(struct disk_watches *l);		/* and all in it */
void disk_watches_add(struct disk_watches *l, struct disk_watch *taken);
void disk_watches_forget(struct disk_watches *l, const struct blockdev *disk);	/* it is about to go */
typedef int disk_watch_fn(void *arg, struct disk_watch *w);	/* under the list's lock */
int disk_watches_each(struct disk_watches *l, disk_watch_fn *fn, void *arg);

DEFINE_CLEANUP(struct disk_watch *, disk_watch_free);
DEFINE_CLEANUP(struct disk_watches *, disk_watches_free);

#endif
