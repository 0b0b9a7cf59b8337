/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGHUP: whoever holds credentials from files reads them again.  The counter
 * is the one thing that a signal handler may touch.
 */
#ifndef ADE_FS_NET_RELOAD_H
#define ADE_FS_NET_RELOAD_H

/* From now on SIGHUP counts and does nothing else.  For daemons. */
void reload_on_sighup(void);

/* How many came so far. */
unsigned reload_count(void);

#endif
