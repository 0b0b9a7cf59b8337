/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is mounted: /proc/self/mountinfo, read for our own mounts, and the
 * unmounting of one, as root or through fusermount3.
 */
#ifndef ADE_FS_MOUNT_MOUNTTABLE_H
#define ADE_FS_MOUNT_MOUNTTABLE_H

#include "crypto/cleanup.h"
#include "crypto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define MOUNT_FSTYPE "fuse.adebackup"

struct mount_entry {
	char *dir;		/* absolute */
	char *source;
	char *type;		/* "fuse.adebackup" */
	char *options;		/* of the mount, then of the file system: "ro,nosuid,user_id=0" */
	unsigned major, minor;
};

struct mounttable {
	struct mount_entry *entries;	/* in mount order: a later one hides an earlier one */
	size_t n;
};

/* All mounts that this process sees.  NULL: no /proc, no memory. */
struct mounttable *mounttable_read(struct error *err);
/* The same from the text of a mountinfo file. */
struct mounttable *mounttable_parse(const char *text, struct error *err);
void mounttable_free(struct mounttable *t);

/* What a look at `dir` meets: the last entry there, or NULL. */
const struct mount_entry *mounttable_find(const struct mounttable *t, const char *dir);

/* Absolute path of `dir` without touching its last component, which may be a
 * dead mount that answers nothing.  malloc'ed; NULL with words. */
char *mount_dir_resolve(const char *dir, struct error *err);

/* What is at `dir`, asked of the daemon that serves it and not of the kernel's
 * cache, which goes on to answer for a dead one.  *mode (may be NULL): st_mode.
 * 0 or -errno: ENOTCONN, ECONNABORTED (dead), EACCES (another user's), ENOENT. */
int mount_dir_ask(const char *dir, mode_t *mode);
/* The same with a deadline: -ETIMEDOUT when nothing answered in ms milliseconds.  Forks: for a process with one
 * thread. */
int mount_dir_ask_within(const char *dir, int ms);

/* Unmount; lazily: detach now, finish when the last user has left.
 * 0 or -errno: EBUSY, EPERM, EINVAL (not mounted). */
int unmount_dir(const char *dir, bool lazily, struct error *err);

DEFINE_CLEANUP(struct mounttable *, mounttable_free);

#endif
