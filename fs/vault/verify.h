/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is all there, and is it what was stored?
 *
 * Without keys: every object carries a SHA-256 of itself, so that each flipped
 * bit, each cut and, by the clear refs, each missing object is found; the
 * points that need it are told.  With keys besides: every object opens under
 * its name, every page and chunk opens at its place, every chunk's name is
 * recomputed, and damage is told as VM, point, disk and offset.
 *
 * Segments are read once each, in the order of their ids; that part can be
 * a sample, or stop after a time and go on the next time.
 */
#ifndef ADE_FS_VAULT_VERIFY_H
#define ADE_FS_VAULT_VERIFY_H

#include "fs/vault/point.h"

struct verify_fault {
	int code;			/* EBADMSG damaged, ENOENT missing, else what the store said */
	const char *object;		/* the object at fault */
	const char *text;
	const char *point;		/* the point that needs it, as its object's name; "": none known */
	const char *vm, *point_id, *disk;	/* with keys; else "" */
	uint64_t off, len;		/* bytes of the disk; len 0: not about a range */
};

struct verify {
	struct store *st;		/* borrowed */
	struct vault *v;		/* borrowed; NULL: without keys */
	const struct point_name *points;	/* with keys: these alone; n_points 0: the whole vault */
	size_t n_points;
	bool structure_only;		/* do not read segments but for maps */
	double sample;			/* part of the segments, 0 < sample <= 1; 1: all */
	uint64_t sample_seed;		/* which ones */
	unsigned seconds;		/* stop reading segments then; 0: never */
	unsigned threads;		/* 0: as many as processors, at most 4; 32 to 64 MiB each */
	uint8_t resume[SEGMENT_ID_BYTES];	/* segments up to this one were read the last time */
	void (*fault)(void *arg, const struct verify_fault *f);
	int (*progress)(void *arg, uint64_t done, uint64_t total);	/* bytes of segments; non-zero stops */
	void *arg;
};

struct verify_result {
	uint64_t objects, segments, segments_read, bytes_read, chunks, points, faults;
	bool complete;			/* every segment that was to be read was */
	uint8_t last[SEGMENT_ID_BYTES];	/* not complete: where to resume */
};

/* 0 when it went through, faults or not; else -errno with words: the vault
 * cannot be listed, was interrupted, … */
int verify_run(const struct verify *q, struct verify_result *out, struct error *err);

#endif
