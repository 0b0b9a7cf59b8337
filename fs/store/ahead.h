/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store that acts on store_expect(): what is expected is asked for at once,
 * each by a thread of its own, so that opening a vault and a point takes a few
 * round trips one after the other instead of one for each object.
 *
 * An answer is used once, by the next call that it fits, and errors are kept
 * like any other answer.  What was put or removed through this store is never
 * answered from before.  Any number of threads.
 */
#ifndef ADE_FS_STORE_AHEAD_H
#define ADE_FS_STORE_AHEAD_H

#include "fs/store/store.h"

/* Takes lower, on failure too; NULL is handed on.  NULL: ENOMEM. */
struct store *store_ahead_new(struct store *lower_taken, struct error *err);

#endif
