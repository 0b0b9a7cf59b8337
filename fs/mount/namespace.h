/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mount namespace to mount in, where that is not the process's own: what
 * mount(8) hands its helpers with -N.  Image, keys and the daemon stay in the
 * namespace where the program was started; only mount, unmount and the first
 * look at the mount happen in the other one.
 */
#ifndef ADE_FS_MOUNT_NAMESPACE_H
#define ADE_FS_MOUNT_NAMESPACE_H

#include "crypto/cleanup.h"
#include "crypto/error.h"

struct mount_ns;

/* path: a namespace file, /proc/PID/ns/mnt or /proc/PID/fd/N.  NULL with words:
 * ENOENT, EACCES, EINVAL (something else). */
struct mount_ns *mount_ns_open(const char *path, struct error *err);
void mount_ns_free(struct mount_ns *ns);

/* Take the calling thread there, and back to where ns was opened.  The thread
 * must not be one that others expect to share its working directory with; that
 * becomes /.  ns NULL: nothing to do.  0 or -errno (EPERM: only root may). */
int mount_ns_enter(const struct mount_ns *ns, struct error *err);
int mount_ns_leave(const struct mount_ns *ns, struct error *err);

DEFINE_CLEANUP(struct mount_ns *, mount_ns_free);

#endif
