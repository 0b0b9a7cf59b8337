/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One mount: from a tree to a directory that the kernel answers for, and back
 * to nothing.  The caller forks (if it does) before session_new().
 *
 *	new  -> mounted (mount(2) or fusermount3, as the user may)
 *	loop -> serves until the mount is gone or a signal (INT, TERM, HUP)
 *	free -> unmounts if need be
 */
#ifndef ADE_FS_MOUNT_SESSION_H
#define ADE_FS_MOUNT_SESSION_H

#include "crypto/cleanup.h"
#include "crypto/error.h"
#include "fs/mount/tree.h"

#include <stdbool.h>

struct session_options {
	const char *source;		/* told as the mount's source; no secrets, no URL query */
	const char *dir;		/* where to mount: an absolute path */
	const char *kernel_options;	/* "nosuid,nodev,…" for the kernel, or NULL */
	const char *mount_ns;		/* namespace file to mount in (namespace.h), or NULL: here */
	bool allow_other;
	bool writable;			/* else the mount is ro */
	unsigned read_deadline_s;	/* 0: none */
	bool far;			/* what is mounted lies behind a network: many reads wait at once */
};

struct session;

/* Mount `tree` (borrowed, must outlive the session).  A dead mount of ours at
 * dir is cleaned away first.  NULL: EBUSY (something of ours is mounted there),
 * ENOENT, ENOTDIR, EACCES, EPERM, ENOTSUP (no FUSE), … */
struct session *session_new(struct tree *tree, const struct session_options *opts,
			    struct error *err);

/* Called once, from another thread, when the kernel has had its first answer. */
typedef void session_ready_fn(void *arg);

/* Serve until unmounted.  0 or -errno with words. */
int session_loop(struct session *s, session_ready_fn *ready, void *arg, struct error *err);

/* From another thread, while it is served: ends session_loop(), also where a
 * copy of the mount, in the mount namespace of a process that knows nothing of
 * it, would keep it after an unmount. */
void session_end(struct session *s);

void session_free(struct session *s);

DEFINE_CLEANUP(struct session *, session_free);

#endif
