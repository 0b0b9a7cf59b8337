/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Overlays over a disk: writing without changing what it is made of.
 *
 * A disk takes two overlays, independent of each other: one over disk.raw
 * (the decrypted disk), which disk.vhd, disk.vhdx, the partitions and the
 * logical volumes show too, and one over encrypted/disk.raw, which
 * encrypted/disk.vhd shows too.  A file holds exactly one of them; in a folder each
 * has its file, BASE.disk.overlay and BASE.encrypted.overlay.
 *
 * An overlay lies over bytes, not over a path: its identity is made of the
 * recovery point's id, or else of samples of the stored disk (both ends, the
 * beginning of each partition, 64 places between), and for disk.raw of which
 * volumes are open.  A base that changes elsewhere between two mounts is not
 * noticed: do not write to an image that has overlays.
 */
#ifndef ADE_FS_IMAGE_DISK_OVERLAY_H
#define ADE_FS_IMAGE_DISK_OVERLAY_H

#include "fs/image/disk.h"

#include <stdbool.h>

#define OVERLAY_SUFFIX ".overlay"

enum overlay_place { OVERLAY_IN_FILE, OVERLAY_IN_FOLDER, OVERLAY_TEMPORARY };

struct overlay_choice {
	enum overlay_place place;
	const char *path;	/* of the file or the folder */
	const char *view;	/* the view that a file lies over; NULL: what it says, or disk.raw */
	const char *base;	/* the disk's name, for people and for names in a folder */
	const char *identity;	/* NULL: by samples */
	bool read_only;		/* an overlay that exists, to be read (a file) */
};

/* Lay overlays over d before any view of it is opened.  In a folder, or
 * temporarily, a view that cannot be opened (locked) gets none.  *plaintext: one
 * of them holds plaintext.  0, -EBUSY (in use), -EINVAL (made over something
 * else), -EBADMSG, -EACCES, …, with words. */
int disk_overlay(struct disk *d, const struct overlay_choice *c, bool *plaintext, struct error *err);

#endif
