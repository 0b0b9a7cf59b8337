/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The newest point of each VM that this user's commands have seen, kept beside
 * their other notes: whoever puts back a whole older copy of a vault cannot be
 * told from its bytes, but by who remembers.
 */
#ifndef ADE_TOOLS_LIB_SEEN_H
#define ADE_TOOLS_LIB_SEEN_H

#include "fs/vault/point.h"

/* Remember p.  newest: the vault shows none after it; true with words then when
 * a newer one was seen before.  Where there is no place to remember: false. */
bool seen_newer(const struct vault *v, const struct point *p, bool newest, struct error *warning);

/* The same, with the words to the log. */
void seen_log(const struct vault *v, const struct point *p, bool newest);

#endif
