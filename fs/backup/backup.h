/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backup: all disks of a VM, as they are stored (ADE's ciphertext), become
 * one recovery point by one commit.  What was cut is gone on with: finished
 * segments of earlier tries are used, not sent again.
 * FORMAT.md, section "Protocol" (W1 to W6).
 */
#ifndef ADE_FS_BACKUP_BACKUP_H
#define ADE_FS_BACKUP_BACKUP_H

#include "fs/image/blockdev.h"
#include "fs/image/pagemap.h"
#include "fs/vault/point.h"

struct backup_disk {
	const char *name;		/* os, lun0, … */
	struct blockdev *source;	/* borrowed */
	bool vhd;			/* it ends in a VHD footer */
	const char *words;		/* where it came from, for people */
	const char *version;		/* of a source behind HTTP: its ETag; NULL: none */
	/* Which chunks have changed since parent (NULL: none); holes of the result,
	 * which is the caller's to free, have not.  NULL: compare all, *why says why
	 * (code 0: nothing to say).  The op may be NULL. */
	struct pagemap *(*changes)(void *arg, struct vault *v, const char *vm_id, struct blockdev *source,
				   const struct point_disk *parent, struct error *why);
	void *changes_arg;
};

/* What proving found, for the manifest. */
struct backup_proof {
	enum proof_state state;
	char words[256];
};

struct backup_progress {
	uint64_t done_bytes, total_bytes;	/* of the sources */
	uint64_t new_bytes;			/* sealed and sent */
};

struct backup_options {
	const char *vm;
	struct jval *vm_config;		/* borrowed; NULL: none */
	int64_t retain_until;		/* seconds since 1970; 0: none */
	unsigned threads;		/* 0: as many as processors, at most 3 */
	/* Called now and then; non-zero (-errno) stops the backup. */
	int (*progress)(void *arg, const struct backup_progress *p);
	/* After the disks are stored, before the commit; d: disks, filled, whose
	 * info and opening set it may add.  NULL: not proven. */
	int (*prove)(void *arg, struct vault *v, struct point *p, struct error *err);
	void *arg;
};

struct backup_result {
	char object[192];		/* the manifest's name */
	uint64_t read_bytes, new_bytes;
	bool had_parent;
};

/* 0 with the committed point in *out and in *result; else -errno with words:
 * nothing is committed then. */
int backup_run(struct vault *v, const struct backup_disk *disks, size_t n_disks,
	       const struct backup_options *opts, struct point **out, struct backup_result *result,
	       struct error *err);

#endif
