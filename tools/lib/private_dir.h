/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the mounts live that a command makes for itself: folders below
 * /run/adebackup that root alone can enter.
 */
#ifndef ADE_TOOLS_LIB_PRIVATE_DIR_H
#define ADE_TOOLS_LIB_PRIVATE_DIR_H

#include "crypto/cleanup.h"
#include "crypto/error.h"

#include <stdbool.h>

/* A new one for `use` ("attach"): "/run/adebackup/attach-x3f9Qa", malloc'ed.
 * NULL with words: EPERM for all but root. */
char *private_dir_new(const char *use, struct error *err);

/* As that, for everybody: of an ordinary user below $XDG_RUNTIME_DIR or /tmp. */
char *private_dir_any(const char *use, struct error *err);

/* Where those of private_dir_any() are made; static, or the environment's. */
const char *private_dir_base(void);

/* Say that it is in use, until the descriptor is closed or the process ends.
 * The descriptor, or -errno with words. */
int private_dir_own(const char *dir, struct error *err);

/* Take away those of `use` that a killed process left, their mounts too; how
 * many went.  Only what private_dir_own() was called for may be of that use. */
size_t private_dir_sweep(const char *use);

/* The private folder of `use` in which path lies, malloc'ed; NULL: in none. */
char *private_dir_of(const char *path, const char *use);

/* Unmount what is mounted there and remove it.  A mount that is still being
 * let go of is waited for, a few seconds; 0 or -errno with words. */
int private_dir_remove(const char *dir, bool lazily, struct error *err);

#endif
