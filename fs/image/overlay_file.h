/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An overlay's file: made, opened, recognised and locked.  A file appears
 * under its name with its header complete and durable, or not at all.  Whoever
 * writes to it holds an exclusive flock(2), readers a shared one, as long as
 * the descriptor lives.  Opening waits up to 5 s for a lock.
 *
 * Overlay files are made with mode 0600; one that holds plaintext and that
 * others may read is refused.
 */
#ifndef ADE_FS_IMAGE_OVERLAY_FILE_H
#define ADE_FS_IMAGE_OVERLAY_FILE_H

#include "crypto/cleanup.h"
#include "fs/image/overlay_header.h"

enum overlay_access { OVERLAY_READ, OVERLAY_WRITE };

struct overlay_file {
	int fd;
	bool writable;
	bool temporary;		/* nothing of it outlives the process */
	bool fresh;		/* made just now */
	char *name;		/* for messages */
	struct overlay_info info;
};

/* An overlay that exists, whatever it lies over.  NULL with words: ENOENT,
 * EBUSY (in use), EACCES (permission, also too much of it), EINVAL (no regular
 * file), EBADMSG, ENOTSUP. */
struct overlay_file *overlay_file_open(const char *path, enum overlay_access access,
				       struct error *err);

/* The overlay at path over what `want` says, for writing; made if there is
 * none.  NULL: as above, and EINVAL when it lies over something else. */
struct overlay_file *overlay_file_use(const char *path, const struct overlay_info *want,
				      struct error *err);

/* One without a name in $TMPDIR or /var/tmp, gone with the process. */
struct overlay_file *overlay_file_temporary(const struct overlay_info *want, struct error *err);

struct overlay_look {		/* at a file, whoever uses it */
	struct overlay_info info;
	bool in_use;
	uint64_t allocated;	/* bytes that it takes */
	uint64_t written, discarded;	/* bytes of the disk; 0 while it is in use */
};

/* 0 or -errno with words, as overlay_file_open() apart from EBUSY and too much
 * permission. */
int overlay_file_look(const char *path, struct overlay_look *out, struct error *err);

/* Lock the overlay and remove it from its folder. */
int overlay_file_remove(const char *path, struct error *err);

void overlay_file_close(struct overlay_file *f);

DEFINE_CLEANUP(struct overlay_file *, overlay_file_close);

#endif
