/* SPDX-License-Identifier: Apache-2.0 */
/* The journal of an ext file system in an image that lies over an overlay. */
#ifndef ADE_TOOLS_LIB_EXT_JOURNAL_H
#define ADE_TOOLS_LIB_EXT_JOURNAL_H

#include "crypto/error.h"

#include <stdbool.h>
#include <stdint.h>

/* Replay it by e2fsck where the file system, at byte `start`, was not unmounted; nothing else is
 * mended.  0; -EBADMSG with words: it cannot be replayed; ENOTSUP, … */
int ext_journal_replay(const char *image, uint64_t start, bool *replayed, struct error *err);

#endif
