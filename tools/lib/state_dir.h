/* SPDX-License-Identifier: Apache-2.0 */
/* Where this user's commands keep small notes for the next ones. */
#ifndef ADE_TOOLS_LIB_STATE_DIR_H
#define ADE_TOOLS_LIB_STATE_DIR_H

#include <stddef.h>

/* $XDG_STATE_HOME/adebackup, or ~/.local/state/adebackup, made if it is not
 * there.  0; -ENOENT: there is no such place, -ENAMETOOLONG. */
int state_dir(char *out, size_t size);

#endif
